"""The Faust driver `spanpulse-kafka`, found by Faust through the entry point `faust.transports`."""

from typing import Any

from faust.transport.drivers import aiokafka as driver

from spanpulse_stream.transport.kafka._cluster import Cluster, cluster_of
from spanpulse_stream.transport.kafka._consumer import Consumer
from spanpulse_stream.transport.kafka._producer import Producer
from spanpulse_stream.transport.kafka._quiet import quieten

__all__ = ["Transport"]


class Transport(driver.Transport):
    """Connects an app to the cluster that is registered under its broker URL. Raises LookupError if none is."""

    Consumer = Consumer
    Producer = Producer
    driver_version = "spanpulse-kafka"

    def __init__(self, url: list[Any], app: Any, loop: Any = None) -> None:
        super().__init__(url, app, loop)
        self.cluster: Cluster = cluster_of(str(url[0]))
        quieten()
