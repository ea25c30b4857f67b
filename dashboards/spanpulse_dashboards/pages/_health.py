"""The dot in the bar: how the pipeline is, asked at most every few seconds however many pages are opened.

A page gets what was found last and does not wait for the next look; only where nobody looked for a while does it wait.
Nothing is asked while no page is opened. Not guaranteed: that the dot is newer than `STALE_S`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from spanpulse_dashboards._state import Completeness
from spanpulse_dashboards.pages._lists import health_of
from spanpulse_dashboards.pages._render import Health

__all__ = ["HealthWatch"]

LOG = logging.getLogger(__name__)
FRESH_S = 5.0
STALE_S = 15.0
UNKNOWN = Health("warn", "Unknown", "The state of the process could not be read; its log says why.")


class HealthWatch:
    """Keeps the newest health. For one event loop."""

    def __init__(
        self, read: Callable[[], Awaitable[Completeness]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._newest = UNKNOWN
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def __call__(self) -> Health:
        """Return the health, read now or a few seconds ago."""
        age = self._clock() - self._read_at
        if age > FRESH_S and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._look())
        if age > STALE_S and self._reading is not None:
            await asyncio.shield(self._reading)
        return self._newest

    async def _look(self) -> None:
        try:
            self._newest = health_of(await self._read())
        except Exception:  # a page without its dot is better than none
            LOG.exception("the state of the process could not be read")
            self._newest = UNKNOWN
        self._read_at = self._clock()
