"""What the checks of one side of a call said, the worst of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spanpulse._guard._check import Check, version_of
from spanpulse._guard._finding import Finding
from spanpulse._guard._texts import Unreadable
from spanpulse._log import say_once, wordless

__all__ = ["Result", "Results"]


@dataclass(slots=True)
class Result:
    """What one check said of all texts that it saw."""

    check: str
    version: str
    finding: Finding | None = None
    """The one with the highest score; None: nothing was found."""
    error: str = ""
    """The type of what went wrong."""

    @property
    def label(self) -> str:
        """The verdict in a word; a violation counts for more than a failure elsewhere."""
        if self.finding is not None and self.finding.violates:
            return "fail"
        return "error" if self.error else "pass"


class Results:
    """The results of a side, of those checks that have run."""

    __slots__ = ("_found", "side")

    def __init__(self, side: str) -> None:
        self.side = side
        self._found: dict[str, Result] = {}

    def note(self, check: Check, finding: Finding | None) -> None:
        """Take what a check said of a text."""
        result = self._of(check)
        if finding is None:
            return
        finding = replace(finding, check=check.name, label=str(finding.label), explanation=str(finding.explanation))
        if result.finding is None or _rank(finding) > _rank(result.finding):
            result.finding = finding

    def failed(self, check: Check, error: Exception) -> None:
        """Take that a check could not say anything."""
        self._of(check).error = type(error).__qualname__
        say_once(f"the check {check.name} of a guard failed ({type(error).__name__})", wordless(error))

    def unread(self, checks: Sequence[Check], error: Exception) -> None:
        """Take that nothing could be shown to checks."""
        for check in checks:
            self._of(check).error = type(error).__qualname__
        if isinstance(error, Unreadable):
            say_once(f"a guard could not check the {self.side} of a call: {error}")
        else:
            say_once(f"a guard could not read the {self.side} of a call ({type(error).__name__})", wordless(error))

    @property
    def all(self) -> list[Result]:
        """The results, in the order of the checks."""
        return list(self._found.values())

    @property
    def violations(self) -> list[Finding]:
        """What violates."""
        return [each.finding for each in self._found.values() if each.finding is not None and each.finding.violates]

    @property
    def errors(self) -> list[str]:
        """Names of the checks that could not say anything."""
        return [each.check for each in self._found.values() if each.error]

    def _of(self, check: Check) -> Result:
        found = self._found.get(check.name)
        if found is None:
            found = self._found[check.name] = Result(check.name, version_of(check))
        return found


def _rank(finding: Finding) -> tuple[bool, float]:
    return finding.violates, finding.score
