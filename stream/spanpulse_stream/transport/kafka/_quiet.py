"""A bound on what aiokafka, Faust and mode log while brokers are away.

Guarantee: of messages of one kind (one place in their code) a few a minute are logged, and the next one that is says
how many were not; memory is bounded. Not guaranteed: that each of a kind can be told from the others; the few are.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["RateLimit", "quieten"]

NOISY: Final = ("aiokafka", "faust", "mode")
AT_ONCE: Final = 5
PERIOD_S: Final = 60.0
MOST_KINDS: Final = 500


@dataclass
class Kind:
    """What was seen of one kind since ``since``."""

    since: float
    logged: int = 0
    dropped: int = 0


class RateLimit(logging.Filter):
    """Lets ``at_once`` records of a kind pass in each ``period`` seconds, and everything that is not a warning."""

    def __init__(
        self, at_once: int = AT_ONCE, period: float = PERIOD_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._at_once = at_once
        self._period = period
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, str, int], Kind] = OrderedDict()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is logged; one that follows dropped ones says so."""
        if record.levelno < logging.WARNING:
            return True
        with self._lock:
            kind = self._kind(record)
            if self._clock() - kind.since >= self._period:
                self._add_dropped(record, kind.dropped)
                kind.since, kind.logged, kind.dropped = self._clock(), 0, 0
            passes = kind.logged < self._at_once
            kind.logged += passes
            kind.dropped += not passes
            return passes

    def _kind(self, record: logging.LogRecord) -> Kind:
        key = (record.name, record.pathname, record.lineno)
        kind = self._kinds.setdefault(key, Kind(self._clock()))
        self._kinds.move_to_end(key)
        if len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)
        return kind

    @staticmethod
    def _add_dropped(record: logging.LogRecord, dropped: int) -> None:
        if dropped:
            record.msg = f"{record.getMessage()} (and {dropped} more like it)"
            record.args = None


_limit: Final = RateLimit()


def quieten() -> None:
    """Bound what the loggers of these libraries let through. May be called again, for those that are new."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in NOISY:
            logging.getLogger(name).addFilter(_limit)
