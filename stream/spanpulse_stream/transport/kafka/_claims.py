"""Claims and commits of one app's partitions in Kafka, as the enricher wants them.

A claim is kept with the offset that it starts at, so any member reads it where it begins. Guarantee: each call
returns once its effect is durable, or raises PartitionLost when the group has given the partition to another member:
then nothing of it was done. Not guaranteed: that nothing was done where it raises CommitGaveUp.
"""

import asyncio
import logging
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.transport.kafka._errors import passes
from spanpulse_stream.transport.kafka._ledger import Ledger

__all__ = ["KafkaClaims"]

LOG: Final = logging.getLogger(__name__)
ANSWERS: Final = 10
"""How often Kafka has to say that a log ends too early: a leader that was deposed and does not know it says so too."""
ASK_EVERY_S: Final = 1.0
ANSWER_WITHIN_S: Final = 5.0


class KafkaClaims:
    """`pipeline.Claims` of an app of `make_app` on Kafka, while it runs."""

    gaps = True

    def __init__(self, app: Any) -> None:
        self._app = app

    @property
    def _ledger(self) -> Ledger:
        ledger: Ledger = self._app.consumer.ledger
        return ledger

    async def committed(self, tp: TP) -> int:
        """Return the next offset to process: the committed one, or the first one kept where none was committed."""
        return self._ledger.of(tp).committed

    def reached(self, tp: TP) -> int | None:
        """Return the committed offset; None where the partition is not held. Waits for nothing."""
        progress = self._ledger.progress.get(tp)
        return None if progress is None else progress.committed

    async def claimed(self, tp: TP) -> Claim | None:
        """Return the claim that starts at the committed offset, as it was read when the partition was assigned."""
        return self._ledger.of(tp).claim

    async def claim(self, tp: TP, claim: Claim) -> None:
        """Commit ``claim.first`` with the claim as metadata.

        Raises ClaimTooLarge, CommitGaveUp, and ValueError for one that contradicts what was committed or claimed.
        """
        await self._ledger.claim(tp, claim)

    async def commit(self, tp: TP, offset: int) -> None:
        """Commit ``offset``, which ends the claim. Raises CommitGaveUp."""
        await self._ledger.commit(tp, offset)

    async def ends_before(self, tp: TP, offset: int) -> int | None:
        """Return where the log ends if Kafka says for ten seconds that it is before ``offset``. Raises KafkaError.

        It ends where an open transaction begins: what was read once lies before that, and neither goes back. While
        Kafka does not answer, or no broker leads the partition, this waits, as long as the partition is held.
        """
        session, ends = self._ledger.session, list[int]()
        while len(ends) < ANSWERS:
            if ends:
                await asyncio.sleep(ASK_EVERY_S)
            end = await self._end(tp)
            self._check_held(session, tp)
            if end >= offset:
                return None
            ends.append(end)
        return ends[-1]

    async def _end(self, tp: TP) -> int:
        session, thread = self._ledger.session, self._app.consumer._thread  # noqa: SLF001 -- what asks is here alone
        while True:
            self._check_held(session, tp)
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return int(await thread.ask(_end_of(thread._ensure_consumer(), tp)))  # noqa: SLF001 -- as above
            except ConsumerStoppedError:
                raise PartitionLost(f"{tp.topic} {tp.partition}: the consumer stopped") from None
            except Exception as error:
                if not passes(error):
                    raise
                LOG.warning("%s %d: where it ends has to wait for Kafka: %r", *tp, error)
            await asyncio.sleep(ASK_EVERY_S)

    def _check_held(self, session: int, tp: TP) -> None:
        if session != self._ledger.session:
            raise PartitionLost(f"{tp.topic} {tp.partition} is not held any more")


async def _end_of(consumer: Any, tp: TP) -> int:
    """Return the end of what may be read of a partition, from whoever leads it now."""
    await consumer._client.force_metadata_update()  # noqa: SLF001 -- or it asks whom it knew
    found = await consumer.end_offsets([TopicPartition(*tp)])
    return int(found[TopicPartition(*tp)])
