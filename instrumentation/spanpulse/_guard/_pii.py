"""Keys, addresses and numbers of somebody, by what `_personal` finds; card numbers and IBANs only with right digits.

Of a stream only what may still become one is held back: the word that is being written, groups of digits and capitals,
and a private key until its end. A text is cut where nothing that is found can go on, so what is found in its pieces is
what is found in the whole. Not guaranteed: that for a stretch of more than `LONGEST` characters without a cut.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from spanpulse._guard._finding import Finding, Span
from spanpulse._personal import KINDS, find_personal, key_lines, plain

__all__ = ["Pii"]

LONGEST: Final = 16_384  # characters without a cut
LONGEST_KEY: Final = 8_200  # characters of a private key with its first and last line
OPENS: Final = re.compile(r"-----BEGIN (?:[A-Z ]{0,30}PRIVATE KEY-----|[A-Z ]{0,45}-{0,5}\Z)")
SPACES: Final = re.compile(r" (?:(?<![\d()+A-Z] )|(?![\d()+A-Z]))(?!\Z)")
"""Spaces that are in no number of an account, a card or a telephone; whether the last of a text is one is not known."""
LAST_CUT: Final = re.compile(r"[^\w.%+\-@ ()](?=[\w.%+\-@ ()]*\Z)")
"""The last character of a text that nothing that is found has in it, but for private keys."""


class Pii:
    """Finds what belongs to somebody, of some kinds."""

    name = "pii"
    version = "1"

    def __init__(self, kinds: Collection[str] | None) -> None:
        chosen = frozenset(KINDS) if kinds is None else frozenset(str(kind).upper() for kind in kinds)
        if isinstance(kinds, str) or not chosen or not chosen <= KINDS.keys():
            raise ValueError(f"kinds are some of {', '.join(sorted(map(str.lower, KINDS)))}")
        self._kinds = chosen

    def check(self, text: str) -> Finding | None:
        """Return what is found."""
        return self.finding(self._found(plain(text), 0, len(text)))

    def scan(self, text: str, start: int, *, ended: bool) -> tuple[Sequence[Span], int]:
        """Return what is found between ``start`` and the last cut, and where that is."""
        text = plain(text)
        if ended:
            return self._found(text, start, len(text)), len(text)
        settled = self._cut(text, start)
        if settled > start:
            return self._found(text, start, settled), settled
        if len(text) - start <= LONGEST:
            return (), start
        return self._found(text, start, len(text)), len(text)

    def finding(self, spans: Sequence[Span]) -> Finding | None:
        """Return what spans amount to: the kind that there is most of, and how many there are of each."""
        if not spans:
            return None
        counts = Counter(span.label for span in spans)
        told = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        return Finding(label=counts.most_common(1)[0][0], explanation=told, spans=spans)

    def _found(self, text: str, start: int, end: int) -> list[Span]:
        part = text if start == 0 and end == len(text) else text[start:end]
        return [Span(each.start + start, each.end + start, each.kind) for each in find_personal(part, self._kinds)]

    def _cut(self, text: str, start: int) -> int:
        """Return where the last cut is, ``start`` where there is none."""
        end = len(text)
        keys = self._private_keys(text, start)
        while (place := _cut_before(text, start, end)) > start:
            around = next((first for first, last in keys if first < place < last), None)
            if around is None:
                return place
            end = around
        return start

    def _private_keys(self, text: str, start: int) -> list[tuple[int, int]]:
        """Return from where to where private keys are, or may be once more has come."""
        if "KEY" not in self._kinds or "-----BEGIN " not in text:
            return []
        found: list[tuple[int, int]] = []
        for match, end in key_lines(OPENS, text, start):
            if found and match.start() < found[-1][1]:
                continue
            if end is not None or len(text) - match.start() < LONGEST_KEY:
                found.append((match.start(), len(text) + 1 if end is None else end.end()))
        return found


def _cut_before(text: str, start: int, end: int) -> int:
    """Return the last place up to ``end``, ``start`` at least, that nothing goes over, private keys aside."""
    found = LAST_CUT.search(text, start, end)
    hard = start if found is None else found.end()
    for soft in SPACES.finditer(text, hard, end):
        hard = soft.end()
    return hard
