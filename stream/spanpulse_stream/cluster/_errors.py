"""What keeps a process of a cluster from starting for a reason that a person can mend; the messages say how."""

from spanpulse_sinks.clickhouse import SinkError
from spanpulse_stream.cluster._database import ServerUnreachable
from spanpulse_stream.gateway import BindingRefused, InvalidKey, TlsMisconfigured
from spanpulse_stream.kafka import KafkaMisconfigured, KafkaUnusable
from spanpulse_stream.price import OverrideError
from spanpulse_stream.settings import SettingsError

__all__ = ["CANNOT_START"]

CANNOT_START = (
    *(ServerUnreachable, SinkError, KafkaMisconfigured, KafkaUnusable),
    *(InvalidKey, BindingRefused, TlsMisconfigured, OverrideError, SettingsError),
    OSError,  # CannotListen among them
)
