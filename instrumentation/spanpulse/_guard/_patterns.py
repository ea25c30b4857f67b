"""Regular expressions of an application's own.

A stream holds back ``longest`` characters for them. Guarantee: what matches at most so many characters, with what it
looks back at and ahead to, is found in a stream as in the whole text. Not guaranteed: that a pattern is quick; one that
tries out many ways (`(a+)+$`) is as slow here as anywhere. Flags are written into patterns: `(?i)secret`.
"""

import re
from collections.abc import Iterable, Sequence

from spanpulse._guard._finding import Finding, Span
from spanpulse._guard._mask import merged

__all__ = ["Patterns"]


class Patterns:
    """Finds what any of some patterns matches, but for empty matches."""

    version = "1"

    def __init__(self, patterns: Iterable[str], longest: int, name: str, label: str) -> None:
        if isinstance(patterns, str):
            patterns = (patterns,)
        self._patterns = tuple(re.compile(pattern) for pattern in patterns)
        if not self._patterns or longest < 1:
            raise ValueError("patterns need at least one pattern, and longest has to be at least 1 character")
        self.name = name
        self._label = label
        self._longest = longest

    def check(self, text: str) -> Finding | None:
        """Return what matches."""
        return self.finding(self.scan(text, 0, ended=True)[0])

    def scan(self, text: str, start: int, *, ended: bool) -> tuple[Sequence[Span], int]:
        """Return what matches from ``start`` on as far as it can be told, and up to where that is."""
        settled = len(text) if ended else max(start, len(text) - self._longest)
        spans: list[Span] = []
        for pattern in self._patterns:
            for match in pattern.finditer(text, start):
                if match.start() >= settled:
                    break
                if match.end() > match.start():
                    spans.append(Span(match.start(), match.end(), self._label))
        return spans, max([settled, *(span.end for span in spans)])

    def finding(self, spans: Sequence[Span]) -> Finding | None:
        """Return what spans amount to."""
        if not spans:
            return None
        return Finding(label=self._label, explanation=f"{len(spans)} found", spans=merged(spans))
