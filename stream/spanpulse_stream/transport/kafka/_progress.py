"""How far one partition has come, from one assignment to the next: pure bookkeeping.

Guarantee: what may be committed never goes back, never passes a message that is not acknowledged, and never lies
inside a claimed range. Offsets may have gaps. Not guaranteed: that a claim of before the assignment is fulfilled; what
is committed behind its end ends it.
"""

from collections import deque
from collections.abc import Mapping

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP

__all__ = ["Progress", "Starts"]

Starts = Mapping[TP, tuple[int, tuple[int, str] | None]]
"""Where partitions start, and what is committed of them: an offset and its metadata, or nothing.

A start behind what is committed: Kafka has deleted what was between them."""


class Progress:
    """One partition of one assignment.

    It starts at ``start``: the ``committed`` offset, with its ``claim``, or the first offset that is kept, where that
    is behind it or nothing was committed.
    """

    def __init__(self, start: int, committed: int | None, claim: Claim | None = None) -> None:
        self.position = start
        """The offset of the next message to deliver; nothing below it comes again."""
        self.committed = start if committed is None else committed
        self.claim = claim
        self._waiting: deque[int] = deque()  # delivered, in order
        self._acknowledged: set[int] = set()

    def deliver(self, offset: int) -> bool:
        """Take note of a message that is delivered now; False for one that must not be: it was, or is done."""
        if offset < self.position:
            return False
        self.position = offset + 1
        self._waiting.append(offset)
        return True

    def pass_to(self, position: int) -> None:
        """Take note that nothing is left to deliver before ``position``."""
        self.position = max(self.position, position)

    def acknowledge(self, offset: int) -> None:
        """Take note that a delivered message is done."""
        self._acknowledged.add(offset)

    def committable(self) -> int | None:
        """Return the offset that acknowledgements allow to commit, None where that changes nothing."""
        while self._waiting and self._waiting[0] in self._acknowledged:
            self._acknowledged.remove(self._waiting.popleft())
        done = self._waiting[0] if self._waiting else self.position
        return done if self.advances(done) else None

    def advances(self, offset: int) -> bool:
        """Tell whether a commit of ``offset`` changes anything: not below what is committed, nor inside a claim."""
        return offset > self.committed and (self.claim is None or offset >= self.claim.end)

    def check(self, claim: Claim) -> None:
        """Raise ValueError for a claim that contradicts what was committed and claimed before."""
        if claim.first < self.committed or claim.end <= claim.first:
            raise ValueError(f"cannot claim {claim.first} to {claim.end}: {self.committed} is committed")
        if self.claim is not None and claim != self.claim and claim.first < self.claim.end:
            raise ValueError(f"cannot claim {claim.first} to {claim.end}: {self.claim.end} ends an unfinished claim")

    def advance(self, offset: int, claim: Claim | None = None) -> None:
        """Take note of what Kafka has taken."""
        self.committed, self.claim = offset, claim
