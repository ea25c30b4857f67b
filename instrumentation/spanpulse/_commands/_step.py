"""One step of a check: what was found, and what to do next."""

from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Finding", "Step", "failed", "fine", "left_out", "noted"]

Finding = Literal["ok", "note", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Step:
    """Of a check. A ``note`` is worth a look and no fault; what is ``skipped`` could not be looked at."""

    name: str
    finding: Finding
    said: str
    """What was found, without secrets."""
    advice: str = ""
    """What to do next; "" for nothing."""

    def told(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)


def fine(name: str, said: str) -> Step:
    """Return a step that found what it should."""
    return Step(name, "ok", said)


def noted(name: str, said: str, advice: str = "") -> Step:
    """Return a step that found something to look at."""
    return Step(name, "note", said, advice)


def failed(name: str, said: str, advice: str) -> Step:
    """Return a step that found a fault."""
    return Step(name, "failed", said, advice)


def left_out(name: str, said: str) -> Step:
    """Return a step that was not taken."""
    return Step(name, "skipped", said)
