"""The event loop's pulse: a timer that measures how late it is run.

A blocked loop cannot answer at all; this shows one that is merely too slow, and one whose timers ended.
"""

import asyncio
from collections.abc import Callable

from spanpulse_stream.observe import catalog
from spanpulse_stream.observe._metrics import Metrics

__all__ = ["LoopPulse"]

EVERY = 0.5
LATE = 5.0


class LoopPulse:
    """Beats every half second in ``run``; ``clock`` gives seconds that never run backwards."""

    def __init__(self, clock: Callable[[], float], metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._lag = 0.0
        self._beat: float | None = None

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            begun = self._beat = self._clock()
            await asyncio.sleep(EVERY)
            self._lag = max(0.0, self._clock() - begun - EVERY)
            self._metrics.set(catalog.LOOP_LAG, self._lag)

    def trouble(self) -> str:
        """Return what is wrong with the loop, '' if nothing is. A pulse that never ran has no trouble."""
        if self._beat is None:
            return ""
        silent = self._clock() - self._beat
        if silent > EVERY + LATE:
            return f"the event loop has not run a timer for {silent:.1f} s"
        if self._lag > LATE:
            return f"the event loop runs its timers {self._lag:.1f} s late"
        return ""
