"""The way of one partition: what waits for it, and the one batch that is under way.

A batch that failed for a reason that is not its own is written again with the next producer, and what waits behind it
stays behind it. What nobody waits for any more is not written again.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from spanpulse_stream.kafka._log_connection import Connection
from spanpulse_stream.kafka._log_connections import Connections
from spanpulse_stream.kafka._log_errors import TooLarge, Verdict, away, explained, verdict
from spanpulse_stream.kafka._log_rooms import Rooms
from spanpulse_stream.kafka._log_watch import Watch
from spanpulse_stream.kafka._packing import Pack, Packer, Part

__all__ = ["BATCH_BYTES", "Lane"]

logger = logging.getLogger(__name__)
BATCH_BYTES: Final = 1_000_000  # uncompressed, and less than the 1,048,588 that a topic takes if nothing was set
MOST_ATTEMPTS: Final = 3


class Lane:
    """Takes parts from `add` on; `run` writes them until it is cancelled."""

    def __init__(self, partition: int, linger: float, connections: Connections, rooms: Rooms, watch: Watch) -> None:
        self._partition = partition
        self._packer = Packer(linger)
        self._connections = connections
        self._rooms = rooms
        self._watch = watch
        self._woken = asyncio.Event()
        self._alone = 0  # so many packs are written one by one, to find the one that is too large

    def add(self, part: Part) -> None:
        """Write a part as soon as may be."""
        self._packer.add(part, time.monotonic())
        self._woken.set()

    def drop(self, part: Part) -> bool:
        """Forget a part that nobody waits for; return False where it is under way."""
        return self._packer.drop(part)

    def hurry(self) -> None:
        """Hold back nothing of what waits now."""
        self._packer.hurry()
        self._woken.set()

    async def run(self) -> None:
        """Write what comes until cancelled."""
        while True:
            await self._something()
            connection = await self._connections.current()
            if packs := self._packer.take(time.monotonic(), 0 if self._alone else BATCH_BYTES):
                self._alone = max(0, self._alone - 1)
                await self._write(connection, packs)

    def end(self, error: Exception) -> None:
        """Let all parts that wait hear ``error``. `run` must have ended."""
        self._packer.hurry()
        while packs := self._packer.take(0.0, BATCH_BYTES):
            _settle(packs, error)

    async def _something(self) -> None:
        """Wait until there is something to take."""
        while (wait := self._packer.wait(time.monotonic())) != 0:
            self._woken.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def _write(self, connection: Connection, packs: Sequence[Pack]) -> None:
        """Write packs as one batch, and tell their parts."""
        size = sum(pack.size for pack in packs)
        self._watch.opened(self._partition)
        try:
            async with self._rooms.hold(connection.leader(self._partition), size):
                begun = time.monotonic()
                await connection.write(self._partition, packs)
                taken = time.monotonic() - begun
        except asyncio.CancelledError:
            self._packer.put_back(packs)
            raise
        except Exception as error:  # noqa: BLE001 -- whatever a producer raises, each part hears of it
            self._connections.replace(connection)
            self._watch.failed(self._partition, error)
            self._after(error, packs, connection.topic)
        else:
            self._watch.acknowledged(self._partition, len(packs), size, taken)
            _settle(packs, None)

    def _after(self, error: Exception, packs: Sequence[Pack], topic: str) -> None:
        """Decide what becomes of the packs of a batch that failed."""
        match verdict(error):
            case Verdict.TOO_LARGE:
                self._find_too_large(packs, topic)
            case Verdict.AGAIN:
                self._again(packs, away(explained(error, topic)))
            case Verdict.AWAY:
                reason = explained(error, topic)
                logger.warning("Kafka did not take messages: %s", reason)
                _settle(packs, away(reason))

    def _again(self, packs: Sequence[Pack], gave_up: Exception) -> None:
        """Put back what is waited for and was not tried often."""
        back = []
        for pack in packs:
            pack.attempts += 1
            _settle_some(pack, [part for part in pack.parts if part.dropped], gave_up)
            if pack.attempts >= MOST_ATTEMPTS:
                _settle([pack], gave_up)
            elif pack.parts:
                back.append(pack)
        self._packer.put_back(back)

    def _find_too_large(self, packs: Sequence[Pack], topic: str) -> None:
        """Refuse the one part that was refused, or write all again, each part alone."""
        parts = [part for pack in packs for part in pack.parts]
        if len(parts) > 1:
            alone = [Pack(pack.key, pack.common, 0.0) for pack in packs for _ in pack.parts]
            for pack, part in zip(alone, parts, strict=True):
                pack.add(part)
            self._packer.put_back(alone)
            self._alone = len(alone)
            return
        size = packs[0].size
        if size > BATCH_BYTES:
            reason = f"a record of {size} bytes is larger than the topic {topic} takes (max.message.bytes)"
            _settle(packs, TooLarge(reason))
        else:
            reason = f"the topic {topic} does not take messages of {size} bytes: raise its max.message.bytes"
            logger.error("%s", reason)
            _settle(packs, away(reason))


def _settle(packs: Sequence[Pack], error: Exception | None) -> None:
    """Tell all parts of packs what became of them."""
    for pack in packs:
        _settle_some(pack, list(pack.parts), error)


def _settle_some(pack: Pack, parts: Sequence[Part], error: Exception | None) -> None:
    for part in parts:
        pack.remove(part)
        part.settled(part, error)
