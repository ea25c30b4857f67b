"""What the services and pages ask: the reader, how fresh its answers are, the state of the process, a clock."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from spanpulse_dashboards._freshness import Freshness
from spanpulse_dashboards._models import Range
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Reader, Row, Statement
from spanpulse_dashboards._scope import Scope

__all__ = ["Backend", "Lag"]

ARRIVING_S = 5.0
"""Accepted data that is older and not stored yet makes an answer one that is still arriving."""
SELDOM_S = 30 * 86_400
"""The length of range whose answers are kept longest."""

PAST_S = 900
"""How long after its end a range is one that nearly nothing arrives for."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What was accepted and is not stored yet: records, and the age of the oldest one in seconds."""

    records: int
    seconds: float


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


@dataclass(frozen=True, slots=True)
class Backend:
    """Everything behind a page. ``status`` is what `spanpulse status` shows; raises QueryFailed."""

    reader: Reader
    freshness: Freshness
    status: Callable[[], Awaitable[Mapping[str, Any]]]
    lag: Callable[[], Lag]
    version: str
    now: Callable[[], datetime] = _now

    def window(self, scope: Scope) -> Window:
        """Return what a scope's range means now."""
        return scope.window(self.now())

    async def rows(self, statement: Statement, window: Window) -> tuple[Row, ...]:
        """Return the rows of a statement over a window, as of the present edition. Raises QueryFailed."""
        length = self.length(window)
        edition, took = self.freshness.edition(length), partial(self.freshness.asked, length)
        return (await self.reader.rows(statement, edition=edition, took=took)).rows

    async def seldom(self, statement: Statement, window: Window, *, dear: bool = False) -> tuple[Row, ...]:
        """Return the rows, at most a minute old, of a statement that is dear or hardly changes. Raises QueryFailed.

        ``window`` is that of the page.
        """
        edition = self.freshness.edition(SELDOM_S)
        took = partial(self.freshness.spent, self.length(window))
        return (await self.reader.rows(statement, edition=edition, dear=dear, took=took)).rows

    def version_of(self, window: Window) -> str:
        """Return the version of answers over this window."""
        return self.freshness.version(self.length(window))

    def length(self, window: Window) -> float:
        """Return the length of a window as far as freshness goes, seconds: nearly nothing arrives for a past one."""
        past = (self.now() - window.end).total_seconds() > PAST_S
        return max(window.seconds, SELDOM_S) if past else window.seconds

    def spent(self, scope: Scope, seconds: float) -> None:
        """Say what a page over a scope took beside its queries."""
        self.freshness.spent(self.length(self.window(scope)), seconds)

    def range_of(self, scope: Scope, window: Window) -> Range:
        """Return the range as answers tell it."""
        before = window.before
        return Range(
            query=scope.to_query(),
            start=window.start,
            end=window.end,
            through=window.through,
            bucket_seconds=window.bucket,
            previous_start=before.start,
            previous_end=before.end,
        )
