"""Claims and commits of one topic of the local log, as the enricher wants them.

Guarantee: each call returns once its effect is durable. Not guaranteed: anything between processes; the log is
open in one.
"""

from spanpulse_stream.log import TOPIC, Claim, LocalLog

__all__ = ["LogClaims"]


class LogClaims:
    """`pipeline.Claims` over a topic of a log."""

    def __init__(self, log: LocalLog, topic: str = TOPIC) -> None:
        self._log = log
        self._topic = topic

    async def claimed(self, partition: int) -> Claim | None:
        """Return the claim that starts at the committed offset, if there is one."""
        return self._log.claimed(self._topic, partition)

    async def claim(self, partition: int, claim: Claim) -> None:
        """Commit ``claim.first`` and record the claim. Raises ValueError for one that contradicts the log."""
        await self._log.claim(self._topic, partition, claim)

    async def commit(self, partition: int, offset: int) -> None:
        """Commit ``offset``, which ends the claim. Raises ValueError past the end of the partition."""
        await self._log.commit(self._topic, partition, offset)
