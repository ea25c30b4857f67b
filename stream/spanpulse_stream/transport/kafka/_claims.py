"""Claims and commits of one app's partitions in Kafka, as the enricher wants them.

A claim is kept with the offset that it starts at, so any member reads it where it begins. Guarantee: each call
returns once its effect is durable, or raises PartitionLost when the group has given the partition to another member:
then nothing of it was done. Not guaranteed: that nothing was done where it raises CommitGaveUp.
"""

from typing import Any

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._ledger import Ledger

__all__ = ["KafkaClaims"]


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
