"""What was fetched of partitions and is not yet delivered: at most a chunk for all of them.

Guarantee: records of a partition come in order; a fetch that is under way is never given up, and what it took before
it failed is kept, so nothing of that is lost; what belongs to a session that is over is dropped.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, Final

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._fetch import Fetched
from spanpulse_stream.transport.kafka._thread import Thread

__all__ = ["Intake"]

FETCH_WITHIN_S: Final = 0.5


class Intake:
    """The chunks of one consumer.

    ``lost`` hears of offsets that Kafka deleted before they were read: a partition, the first one, the first one kept.
    """

    def __init__(self, thread: Thread, lost: Callable[[TP, int, int], None]) -> None:
        self.ends: dict[TP, int] = {}
        """The offsets that the next messages will get, as far as was heard."""
        self.readable: dict[TP, int] = {}
        """The offsets up to which messages may be read: an open transaction holds up those behind it."""
        self._thread = thread
        self._lost = lost
        self._chunks: dict[TP, deque[Any]] = {}
        self._positions: dict[TP, int] = {}
        self._fetching: asyncio.Task[Fetched] | None = None

    async def clear(self) -> None:
        """Drop everything, and what is still being fetched: a session is over."""
        if self._fetching is not None:
            await asyncio.wait({self._fetching})
            self._fetching = None
        self._chunks.clear()
        self._positions.clear()

    def take(self, tp: TP) -> Any:
        """Return the next record of a partition, None where none is here."""
        chunk = self._chunks.get(tp)
        return chunk.popleft() if chunk else None

    def position(self, tp: TP) -> int | None:
        """Return the offset before which nothing is left to deliver; None while a chunk is here, or not known."""
        return None if self._chunks.get(tp) else self._positions.get(tp)

    async def fill(self, session: int, tps: Collection[TP], wake: asyncio.Event, within: float) -> None:
        """Wait for records of partitions without a chunk, or until ``wake`` is set.

        Raises what `Thread.fetch` does, and what ended a fetch, after what that took is kept.
        """
        wanted = [tp for tp in tps if not self._chunks.get(tp)]
        if self._fetching is None and wanted:
            fetching = self._thread.ask(self._thread.fetch(session, wanted, FETCH_WITHIN_S))
            self._fetching = asyncio.create_task(fetching)
            self._fetching.add_done_callback(_seen)
        woken = asyncio.create_task(wake.wait())
        try:
            await asyncio.wait(
                {woken, *filter(None, [self._fetching])}, timeout=within, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()
        if self._fetching is not None and self._fetching.done():
            task, self._fetching = self._fetching, None
            fetched = task.result()
            self._keep(fetched)
            if fetched.error is not None:
                raise fetched.error

    def _keep(self, fetched: Fetched) -> None:
        for tp, records in fetched.records.items():
            self._chunks.setdefault(tp, deque()).extend(records)
        self._positions.update(fetched.positions)
        self.ends.update(fetched.ends)
        self.readable.update(fetched.readable)
        for tp, first, kept in fetched.deleted:
            self._lost(tp, first, kept)


def _seen(fetching: "asyncio.Task[Fetched]") -> None:
    """Look at what a fetch raised: at the end nobody else does."""
    if not fetching.cancelled():
        fetching.exception()
