"""Keeps what aiokafka logs in a thread of ours from the application's log.

With brokers away that is several lines a second. What matters of it, spanpulse says itself, once; with the logger
`spanpulse` at DEBUG all of it is there.
Guarantee: what an application's own clients of Kafka log, in any other thread, is as it was.
"""

import logging
import threading
from typing import Final

from spanpulse._log import LOG

__all__ = ["hush_this_thread"]

NOISY: Final = ("aiokafka", "asyncio")


class _Hush(logging.Filter):
    """Turns records of hushed threads into ones for debugging."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(self.here, "hushed", False):
            return True
        LOG.debug("%s: %s", record.name, record.getMessage())
        return False


_hush: Final = _Hush()


def hush_this_thread() -> None:
    """Hush the calling thread: those loggers that aiokafka has once it is imported."""
    _hush.here.hushed = True
    for name in [*logging.root.manager.loggerDict, *NOISY]:
        if name.partition(".")[0] in NOISY:
            logging.getLogger(name).addFilter(_hush)
