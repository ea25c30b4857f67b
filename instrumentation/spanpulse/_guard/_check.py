"""What a check is: an object with a name that looks at a text, or a function of an application's own.

A `Scanner` can look at a text that is still coming: it says up to where what comes can no longer change what it found,
and a stream is handed on up to there. Any other check needs the whole text. One that is `whole` is about the form of
the answer (its length, its structure) and hears nothing but answers, in one piece; others hear every text.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from spanpulse._guard._finding import Finding, Span

__all__ = ["Answer", "Check", "Function", "Scanner", "checks_of", "is_whole", "version_of"]

Answer = Finding | None | Awaitable[Finding | None]
Function = Callable[[str], Answer]
LONGEST_NAME: Final = 100  # characters


@runtime_checkable
class Check(Protocol):
    """Looks at texts."""

    @property
    def name(self) -> str:
        """What it looks for; scores are counted by it."""

    def check(self, text: str) -> Answer:
        """Return what is found, None for nothing; also later, of an asynchronous check. May raise."""


@runtime_checkable
class Scanner(Check, Protocol):
    """Looks at a text as it comes."""

    def scan(self, text: str, start: int, *, ended: bool) -> tuple[Sequence[Span], int]:
        """Return what is found from ``start`` on, in order, and up to where that is settled.

        What is settled does not depend on what comes; no span reaches beyond it. The next scan starts there, with some
        of what was before. ``ended``: nothing comes any more, so that everything is settled.
        """

    def finding(self, spans: Sequence[Span]) -> Finding | None:
        """Return what spans of one text amount to."""


class _Named:
    """A function as a check; it is called by its own name."""

    def __init__(self, function: Function) -> None:
        named = getattr(function, "__name__", None) or type(function).__name__
        self.name = str(getattr(function, "name", None) or named)[:LONGEST_NAME]
        self.version = str(getattr(function, "version", "") or "")
        self.whole = bool(getattr(function, "whole", False))
        self.check = function


def checks_of(given: Iterable[Check | Function], side: str) -> tuple[Check, ...]:
    """Return checks for one side of a call. Raises TypeError for what is none, ValueError for a name given twice."""
    made = tuple(map(_check_of, given))
    names = [each.name for each in made]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two checks of the {side} have the same name: {', '.join(sorted(twice))}; give one another")
    return made


def _check_of(given: Any) -> Check:
    if isinstance(given, type):
        raise TypeError(f"a check is made by a class; the class {given.__name__} itself is none")
    if callable(getattr(given, "check", None)) and isinstance(getattr(given, "name", None), str) and given.name:
        found: Check = given
        return found
    if callable(given):
        return _Named(given)
    raise TypeError(
        f"a check is a function of a text, or has a name and a method `check`; {type(given).__name__} is none"
    )


def is_whole(check: Check) -> bool:
    """Tell whether a check is about the form of an answer."""
    return bool(getattr(check, "whole", False))


def version_of(check: Check) -> str:
    """Return a check's version, "" where it has none."""
    return str(getattr(check, "version", "") or "")
