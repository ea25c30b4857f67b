"""What the agent needs: claims kept in the log, and the steps of each partition."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline._cut import Incoming

__all__ = ["Claims", "LogCutShort", "Partition", "Steps"]


class LogCutShort(Exception):  # noqa: N818 -- what happened
    """A partition's log ends before what the database has of it; the message says what to do."""


class Claims(Protocol):
    """Claims and commits of partitions, kept in the log itself.

    All methods raise PartitionLost where the partition is no longer this worker's. Commits never go back.
    """

    @property
    def gaps(self) -> bool:
        """Whether offsets may be missing between messages."""

    async def committed(self, tp: TP) -> int:
        """Return the next offset to process: the committed one, or the first one kept where none was ever committed."""

    async def claimed(self, tp: TP) -> Claim | None:
        """Return the claim that starts at the committed offset, if there is one."""

    async def claim(self, tp: TP, claim: Claim) -> None:
        """Commit ``claim.first`` and record the claim, in one durable step."""

    async def commit(self, tp: TP, offset: int) -> None:
        """Commit ``offset`` (the next one to read), which ends the claim."""

    async def ends_before(self, tp: TP, offset: int) -> int | None:
        """Return where the log ends if it certainly ends before ``offset``, behind a message that was read once."""


class Partition(Protocol):
    """The steps of one partition; its state is a function of the partition's log."""

    def landed(self, first: int) -> int:
        """Return the offset behind what the database holds from ``first`` on without a hole; ``first`` for nothing.

        Runs in a thread, before anything else.
        """

    def unfinished(self, first: int, end: int | None) -> int | None:
        """Return where a batch ends that begins at ``first`` and is in some tables only; None where there is none.

        ``end`` is what a claim says of it. Runs in a thread, after `landed`; raises where the database says otherwise.
        """

    def compute(self, batch: list[Incoming], versions: str) -> Any:
        """Return what the batch writes. Runs in a thread; may wait for the write before it.

        Raises PartitionLost where it would wait after `abandon`.
        """

    def write(self, computed: Any) -> None:
        """Write it once, in a thread. Returns when it is whole; raises when it gave up."""

    def abandon(self) -> None:
        """Have `compute` wait no longer: what was computed may never be written, and no more will be.

        A write that runs goes on. May be called again.
        """


def _nothing(_tp: TP, _messages: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Steps:
    """How the agent gets at the pure part: a partition's steps, and today's versions; ``crash`` ends the app.

    ``skipped`` hears of messages that were left out because the database has them. ``publish`` tells others what a
    batch brought, between its write and its commit, so at least once; it raises when it gave up.
    """

    partition: Callable[[TP], Awaitable[Partition]]
    versions: Callable[[], str]
    crash: Callable[[BaseException], Awaitable[None]]
    skipped: Callable[[TP, int], None] = _nothing
    publish: Callable[[TP, Any], Awaitable[None]] | None = None
