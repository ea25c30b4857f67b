"""Which messages of gRPC are read now: as many at once as fit the receiver's memory, and of one key at most half.

gRPC shows a message when it is whole, so a slot is held by senders that are slow, or that never send. Who holds one
while another waits for it has `HURRIED_S` seconds, else as long as was asked for. Without keys there is one sender, who
may have all. Not guaranteed: slots for a third key where two hold them all; it waits for them to be hurried.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final

from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._intake import Sender

__all__ = ["HURRIED_S", "SLOT_WITHIN_S", "Slots"]

RETRY_AFTER_S: Final = 1.0
SLOT_WITHIN_S: Final = 5.0  # a message that cannot be read by then is refused, and may be sent again
HURRIED_S: Final = 3.0

Who = tuple[str, bytes]


class _Reader:
    """A message that is being read; its time ends at ``hurried_at`` once somebody waits."""

    def __init__(self, timeout: asyncio.Timeout, hurried_at: float) -> None:
        self._timeout = timeout
        self._hurried_at = hurried_at

    def hurry(self) -> None:
        """Give it no more than what is its due."""
        at = self._timeout.when()
        if not self._timeout.expired() and at is not None and at > self._hurried_at:
            self._timeout.reschedule(self._hurried_at)


@dataclass(eq=False, slots=True)
class _Share:
    """What one key may hold."""

    turns: asyncio.Semaphore
    users: int = 0
    waiting: int = 0
    readers: set[_Reader] = field(default_factory=set)


class Slots:
    """``slots`` messages at once; ``most_waiting`` may wait for one, of one key half as many. For one event loop."""

    def __init__(self, slots: int, most_waiting: int) -> None:
        self._number = slots
        self._free = asyncio.Semaphore(slots)
        self._most_waiting = most_waiting
        self._waiting = 0  # for anything
        self._waiting_for_free = 0
        self._shares: dict[Who, _Share] = {}

    @contextlib.asynccontextmanager
    async def hold(self, sender: Sender, within: float) -> AsyncIterator[None]:
        """Wait for a slot and hold it during the `with` block, which has ``within`` seconds, or less in a hurry.

        Raises RequestRefused (429) without a slot, TimeoutError where the block took too long.
        """
        who = (sender.tenant, sender.key)
        share = self._shares.get(who) or self._new_share(who)
        share.users += 1
        try:
            await self._enter(share)
            try:
                async with self._bounded(share, within):
                    yield
            finally:
                self._free.release()
                share.turns.release()
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[who]

    def _new_share(self, who: Who) -> _Share:
        turns = max(1, self._number // 2) if who[1] else self._number
        return self._shares.setdefault(who, _Share(asyncio.Semaphore(turns)))

    async def _enter(self, share: _Share) -> None:
        """Wait for a slot. Raises RequestRefused (429)."""
        busy = RequestRefused(429, "too many requests are being read", retry_after_s=RETRY_AFTER_S)
        if self._waiting >= self._most_waiting or share.waiting >= max(1, self._most_waiting // 2):
            raise busy
        self._waiting += 1
        share.waiting += 1
        try:
            async with asyncio.timeout(SLOT_WITHIN_S):
                await self._take(share)
        except TimeoutError:
            raise busy from None
        finally:
            self._waiting -= 1
            share.waiting -= 1

    async def _take(self, share: _Share) -> None:
        """Take a turn of the share, then a slot."""
        if share.turns.locked():
            _hurry(share.readers)
        await share.turns.acquire()
        self._waiting_for_free += 1
        try:
            if self._free.locked():
                for each in self._shares.values():
                    _hurry(each.readers)
            await self._free.acquire()
        except BaseException:
            share.turns.release()
            raise
        finally:
            self._waiting_for_free -= 1

    @contextlib.asynccontextmanager
    async def _bounded(self, share: _Share, within: float) -> AsyncIterator[None]:
        """Bound the time of the block. Raises TimeoutError."""
        now = asyncio.get_running_loop().time()
        async with asyncio.timeout_at(now + within) as timeout:
            reader = _Reader(timeout, now + min(within, HURRIED_S))
            share.readers.add(reader)
            if share.waiting or self._waiting_for_free:
                reader.hurry()
            try:
                yield
            finally:
                share.readers.discard(reader)


def _hurry(readers: Iterable[_Reader]) -> None:
    for reader in readers:
        reader.hurry()
