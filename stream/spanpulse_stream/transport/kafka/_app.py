"""Apps on Kafka."""

from typing import Any, Final

from spanpulse_stream.settings import Settings
from spanpulse_stream.transport._app import make_app
from spanpulse_stream.transport.kafka._cluster import Cluster, register_cluster

__all__ = ["make_kafka_app"]


DRAIN_S: Final = 1.0  # the group waits for it, and whoever has the partitions next


def make_kafka_app(
    settings: Settings, *, name: str = "", client: str = "spanpulse-worker", drain: float = DRAIN_S, **bounds: Any
) -> Any:
    """Return an app of `make_app` on the settings' cluster; ``drain`` and the other ``bounds`` are those of `make_app`.

    It is a member of the group ``name``, that of the settings where none is given; ``client`` names the process to
    the brokers. While no broker answers, `app.start` waits for one. Raises KafkaMisconfigured.
    """
    cluster = Cluster.of(settings, client)
    app = make_app(register_cluster(cluster), name=name or settings.kafka_group, drain=drain, **bounds)
    app.cluster = cluster  # which keeps it registered
    return app
