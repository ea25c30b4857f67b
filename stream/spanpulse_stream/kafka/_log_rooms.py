"""How many bytes may be under way to each broker: one request holds a batch of every partition that a broker leads.

Without it a request could outgrow what a broker reads (100 MiB), and be repeated for ever.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["MOST_BYTES", "Rooms"]

MOST_BYTES: Final = 32 * 1024 * 1024


class Rooms:
    """A room per broker; who waits for one enters in turn. What is larger than a room enters an empty one."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._taken: dict[int | None, int] = defaultdict(int)
        self._queues: dict[int | None, deque[asyncio.Event]] = defaultdict(deque)

    @asynccontextmanager
    async def hold(self, broker: int | None, size: int) -> AsyncIterator[None]:
        """Wait until there is room for ``size`` bytes, and keep it during the `with` block."""
        await self._enter(broker, size)
        try:
            yield
        finally:
            self._taken[broker] -= size
            self._call_next(broker)

    async def _enter(self, broker: int | None, size: int) -> None:
        queue = self._queues[broker]
        turn = asyncio.Event()
        queue.append(turn)
        try:
            while queue[0] is not turn or not self._fits(broker, size):
                turn.clear()
                await turn.wait()
            self._taken[broker] += size
        finally:
            queue.remove(turn)
            self._call_next(broker)

    def _call_next(self, broker: int | None) -> None:
        if queue := self._queues[broker]:
            queue[0].set()

    def _fits(self, broker: int | None, size: int) -> bool:
        taken = self._taken[broker]
        return not taken or taken + size <= self._most
