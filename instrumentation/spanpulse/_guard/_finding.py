"""What a check says of a text, and what an application hears when a guard stops its call.

Guarantee: neither the message of `GuardBlocked` nor a finding's repr has anything of the text that was checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["MASK", "Finding", "GuardBlocked", "Span"]

MASK: Final = "MASKED"


class Span(NamedTuple):
    """A part of a text, from ``start`` up to ``end``, in characters; masked it is ``label`` in angle brackets."""

    start: int
    end: int
    label: str = MASK


@dataclass(frozen=True)
class Finding:
    """What a check found; it violates where ``score`` reaches ``threshold``.

    Raises ValueError unless both are from 0 to 1.
    """

    score: float = 1.0
    threshold: float = 0.5
    label: str = ""
    """What kind of thing it is, one of few words."""
    explanation: str = ""
    """Why; content, which the policy for content decides on."""
    spans: Sequence[Span | tuple[int, int]] = ()
    """Where it is, as far as masking would help; without any the finding cannot be masked."""
    check: str = ""
    """Name of the check; the guard fills it in."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.score <= 1 or not 0 <= self.threshold <= 1:
            raise ValueError("the score and the threshold of a finding have to be from 0 to 1")

    @property
    def violates(self) -> bool:
        """Whether the guard has to do something about it."""
        return self.score >= self.threshold

    def __repr__(self) -> str:
        said = f"check={self.check!r}, label={self.label!r}, score={self.score}, threshold={self.threshold}"
        return f"Finding({said}, spans={len(self.spans)})"


class GuardBlocked(Exception):  # noqa: N818 -- named by what happened
    """A guard stopped a call: before it was made (``side`` is "input"), or its answer ("output").

    ``findings`` are those that violate; none where a check failed and the guard blocks then.
    """

    def __init__(self, side: str, findings: Sequence[Finding] = (), why: str = "") -> None:
        super().__init__(side, tuple(findings), why)
        self.side = side
        self.findings = tuple(findings)
        self.why = why

    def __str__(self) -> str:
        names = ", ".join(dict.fromkeys(finding.check for finding in self.findings))
        return f"the {self.side} of a guarded call is blocked: {self.why or names}"
