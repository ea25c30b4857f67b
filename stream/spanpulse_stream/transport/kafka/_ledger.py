"""What one member has committed and claimed of its partitions, and how it commits more.

Guarantee: a claim or commit is durable when its call returns, was made under the assignment in which the call began,
and agrees with everything before it (see `Progress`); a partition that is opened later than others of its session has
no progress until then, and is like one of others. Not guaranteed: that a commit which raised was not made.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from aiokafka.errors import ConsumerStoppedError, OffsetMetadataTooLargeError

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.transport.kafka._committer import Committer
from spanpulse_stream.transport.kafka._errors import FENCED, Stale, passes
from spanpulse_stream.transport.kafka._metadata import ClaimTooLarge, claim_of, metadata_of
from spanpulse_stream.transport.kafka._progress import Progress, Starts

__all__ = ["Ledger", "Losses"]

BACKGROUND_S: Final = 2.0


class Losses:
    """What Kafka deleted before it was read; ``tell`` hears of each offset once, as the first one and the next kept.

    Deleted offsets count as messages, though some may be marks of transactions. Not guaranteed: that none of them had
    been stored; what was stored and not yet committed counts as well.
    """

    def __init__(self, tell: Callable[[TP, int, int], None]) -> None:
        self._tell = tell
        self._told: dict[TP, tuple[int, int]] = {}
        self._untaken: Counter[str] = Counter()

    def lost(self, tp: TP, first: int, kept: int) -> None:
        """Take note that offsets from ``first`` up to ``kept`` are gone."""
        begin, end = self._told.get(tp, (kept, kept))  # a session that begins anew finds again what one before it found
        self._told[tp] = (first, kept) if first > end else (min(first, begin), max(kept, end))
        for one, other in ((first, min(kept, begin)), (max(first, end), kept)):
            if one < other:
                self._untaken[tp.topic] += other - one
                self._tell(tp, one, other)

    def take(self) -> dict[str, int]:
        """Return how many messages were lost by topic, since this was asked last."""
        taken, self._untaken = self._untaken, Counter()
        return dict(taken)


class Ledger:
    """The progress of all partitions of a session.

    ``committed`` hears of what was committed, ``lost`` of what `Losses` does.
    """

    def __init__(
        self,
        committer: Committer,
        committed: Callable[[Mapping[TP, int]], None],
        lost: Callable[[TP, int, int], None],
    ) -> None:
        self.session = 0  # none
        self.progress: dict[TP, Progress] = {}
        self.closed: frozenset[TP] = frozenset()
        """Partitions of the session of which it is not known yet where they start."""
        self._committer = committer
        self._committed = committed
        self._lost = lost

    def begin(self, session: int, starts: Starts, closed: Collection[TP]) -> None:
        """Take over what a session starts with, and which partitions are opened later."""
        self.session, self.progress, self.closed = session, {}, frozenset(closed)
        self.open(session, starts)

    def open(self, session: int, starts: Starts) -> None:
        """Take over more partitions of a session, unless it is over or has them."""
        if session != self.session:
            return
        new = {tp: _progress(*start) for tp, start in starts.items() if tp not in self.progress}
        self.progress = self.progress | new  # another dict, for somebody may be going through this one
        self.closed -= new.keys()
        self._committed({tp: progress.committed for tp, progress in new.items()})
        for tp, progress in new.items():
            if progress.position > progress.committed:
                self._lost(tp, progress.committed, progress.position)

    def end(self) -> None:
        """Forget the session: its partitions may be others' now."""
        self.session, self.progress, self.closed = 0, {}, frozenset()

    def of(self, tp: TP) -> Progress:
        """Return the progress of a partition. Raises PartitionLost for one of others."""
        return self._held(self.session, tp)

    async def claim(self, tp: TP, claim: Claim) -> None:
        """Commit the start of a claim, with the claim.

        Raises PartitionLost, ClaimTooLarge, ValueError for one that contradicts what was claimed or committed, and
        what `Committer.surely` raises.
        """
        session, metadata = self.session, metadata_of(claim)
        async with self._committer.lock:
            progress = self._held(session, tp)
            progress.check(claim)
            await self._store(session, tp, claim.first, metadata)
            progress.advance(claim.first, claim)

    async def commit(self, tp: TP, offset: int) -> None:
        """Commit an offset, which ends a claim that ends there or before; nothing happens inside or below one.

        Raises PartitionLost, and what `Committer.surely` raises.
        """
        session = self.session
        async with self._committer.lock:
            progress = self._held(session, tp)
            if progress.advances(offset):
                await self._store(session, tp, offset, "")
                progress.advance(offset)

    async def commit_acknowledged(self, tps: Iterable[TP]) -> bool:
        """Commit what acknowledgements allow, if Kafka takes it soon; tell whether it did. Raises KafkaError."""
        session = self.session
        try:
            async with asyncio.timeout(BACKGROUND_S), self._committer.lock:
                if session != self.session:
                    return False
                offsets = {tp: offset for tp in tps if (offset := self.of(tp).committable()) is not None}
                if offsets:
                    await self._committer.once(session, {tp: (offset, "") for tp, offset in offsets.items()})
                    for tp, offset in offsets.items():
                        self.of(tp).advance(offset)
                    self._committed(offsets)
                return bool(offsets)
        except (Stale, PartitionLost, ConsumerStoppedError, *FENCED):
            return False
        except Exception as error:
            if passes(error):
                return False
            raise

    def _held(self, session: int, tp: TP) -> Progress:
        if session != self.session or tp not in self.progress:
            raise PartitionLost(f"{tp.topic} {tp.partition} is not held any more")
        return self.progress[tp]

    async def _store(self, session: int, tp: TP, offset: int, metadata: str) -> None:
        try:
            await self._committer.surely(session, {tp: (offset, metadata)})
        except (Stale, *FENCED) as error:
            raise PartitionLost(f"{tp.topic} {tp.partition} was given to another member: {error!r}") from error
        except OffsetMetadataTooLargeError as error:
            raise ClaimTooLarge(
                f"the brokers do not keep {len(metadata)} characters with an offset: raise offset.metadata.max.bytes"
            ) from error
        self._committed({tp: offset})


def _progress(start: int, committed: tuple[int, str] | None) -> Progress:
    if committed is None:
        return Progress(start, None)
    return Progress(max(start, committed[0]), committed[0], claim_of(*committed))
