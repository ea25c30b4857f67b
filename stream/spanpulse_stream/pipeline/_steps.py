"""What the agent needs: claims kept in the log, and the steps of each partition."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from spanpulse_stream.log import Claim
from spanpulse_stream.pipeline._cut import Incoming

__all__ = ["Claims", "Partition", "Steps"]


class Claims(Protocol):
    """Claims and commits of partitions, kept in the log itself."""

    async def claimed(self, partition: int) -> Claim | None:
        """Return the claim that starts at the committed offset, if there is one."""

    async def claim(self, partition: int, claim: Claim) -> None:
        """Commit ``claim.first`` and record the claim, in one durable step."""

    async def commit(self, partition: int, offset: int) -> None:
        """Commit ``offset`` (the next one to read), which ends the claim."""


class Partition(Protocol):
    """The steps of one partition; its state is a function of the partition's log."""

    def compute(self, batch: list[Incoming], versions: str) -> Any:
        """Return what the batch writes. Runs in a thread; may wait for the write before it."""

    def write(self, computed: Any) -> None:
        """Write it once, in a thread. Returns when it is whole; raises when it gave up."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How the agent gets at the pure part: a partition's steps, and today's versions; ``crash`` ends the app."""

    partition: Callable[[int], Awaitable[Partition]]
    versions: Callable[[], str]
    crash: Callable[[BaseException], Awaitable[None]]
