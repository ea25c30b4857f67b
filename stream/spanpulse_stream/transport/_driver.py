"""The Faust driver `spanpulse-log`, found by Faust through the entry point `faust.transports`."""

from typing import Any

from faust.transport import base

from spanpulse_stream.log import LocalLog
from spanpulse_stream.transport._consumer import Consumer
from spanpulse_stream.transport._producer import Producer
from spanpulse_stream.transport._registry import log_of

__all__ = ["Transport"]


class Transport(base.Transport):
    """Connects an app to the log that is registered under its broker URL. Raises LookupError if none is."""

    Consumer = Consumer
    Producer = Producer
    driver_version = "spanpulse-log"

    def __init__(self, url: list[Any], app: Any, loop: Any = None) -> None:
        super().__init__(url, app, loop)
        self.log: LocalLog = log_of(str(url[0]))
