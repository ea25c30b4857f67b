"""Claims and commits of the local log, as the enricher wants them.

Guarantee: each call returns once its effect is durable. Not guaranteed: anything between processes; the log is
open in one.
"""

from spanpulse_stream.log import Claim, LocalLog
from spanpulse_stream.partitions import TP

__all__ = ["LogClaims"]


class LogClaims:
    """`pipeline.Claims` over a log; partitions are never lost, and offsets have no gaps."""

    gaps = False

    def __init__(self, log: LocalLog) -> None:
        self._log = log

    async def committed(self, tp: TP) -> int:
        """Return the next offset to process."""
        return self._log.committed(*tp)

    async def claimed(self, tp: TP) -> Claim | None:
        """Return the claim that starts at the committed offset, if there is one."""
        return self._log.claimed(*tp)

    async def claim(self, tp: TP, claim: Claim) -> None:
        """Commit ``claim.first`` and record the claim. Raises ValueError for one that contradicts the log."""
        await self._log.claim(*tp, claim)

    async def commit(self, tp: TP, offset: int) -> None:
        """Commit ``offset``, which ends the claim. Raises ValueError past the end of the partition."""
        await self._log.commit(*tp, offset)

    async def ends_before(self, tp: TP, offset: int) -> int | None:
        """Return where the log ends if that is before ``offset``; what was read of it once it does not lose."""
        end = self._log.end_offset(*tp)
        return end if end < offset else None
