"""One running text of a stream, with what scanners found in it and up to where that is settled."""

from collections.abc import Iterator, Sequence
from operator import index
from typing import Final

from spanpulse._guard._check import Scanner
from spanpulse._guard._finding import Span
from spanpulse._guard._mask import merged, span_of

__all__ = ["Running"]

BEFORE: Final = 256  # characters of what is settled that scanners may look back at


class Running:
    """A text that grows; offsets are characters from its start. ``window`` of them are held back, None: all."""

    __slots__ = (
        "_base",
        "_from",
        "_new",
        "_scanners",
        "_text",
        "_whole",
        "answer",
        "gone",
        "length",
        "settled",
        "spans",
        "window",
    )

    def __init__(self, scanners: Sequence[Scanner], window: int | None, answer: str | None) -> None:
        self.window = window
        self.answer = answer
        self.length = 0
        self.settled = 0
        """Up to where nothing that comes changes what was found."""
        self.gone = 0
        """Up to where it has left."""
        self.spans: list[Span] = []
        """What is to be masked, in order, without overlaps."""
        self._scanners = scanners
        self._from = [0] * len(scanners)
        self._text = ""
        self._new: list[str] = []
        self._base = 0
        self._whole: list[str] = []

    @property
    def whole(self) -> str:
        """The text, as far as it was to be kept."""
        return "".join(self._whole)

    def add(self, text: str, *, keeps: bool) -> int:
        """Take a part; return where it begins."""
        start = self.length
        self.length += len(text)
        if self._scanners:
            self._new.append(text)
        if keeps:
            self._whole.append(text)
        return start

    def scan(self, *, ended: bool, rests: bool = False) -> Iterator[tuple[Scanner, list[Span] | Exception]]:
        """Yield what each scanner finds now that it did not before, or raises; then `settled` is new.

        ``rests``: it has ended unless more comes nevertheless, which is then looked at with what was before it.
        """
        if self.window is None and not ended:
            return
        self._text += "".join(self._new)
        self._new.clear()
        for place, check in enumerate(self._scanners):
            if self._from[place] >= self.length:
                continue
            try:
                spans, upto = self._scanned(check, self._from[place], ended=ended or rests)
            except Exception as error:  # noqa: BLE001 -- a check of the application's own
                self._from[place] = self.length
                yield check, error
                continue
            self._from[place] = max(self._from[place], 0 if rests else upto)
            if spans:
                yield check, spans
        self._settle(ended=ended or rests)

    def _scanned(self, check: Scanner, start: int, *, ended: bool) -> tuple[list[Span], int]:
        """Return what a scanner finds from ``start`` on, and up to where that is settled."""
        base = self._base
        spans, upto = check.scan(self._text, start - base, ended=ended)
        found = [span_of(*each) for each in spans]
        if base:
            found = [each._replace(start=each.start + base, end=each.end + base) for each in found]
        return found, min(index(upto) + base, self.length)

    def keep_no_more(self) -> None:
        """Let go of the whole text, and hold back no more than scanners need."""
        self._whole.clear()
        self.window = self.window or 0

    def mark(self, spans: Sequence[Span]) -> None:
        """Have spans masked."""
        self.spans = merged([*self.spans, *spans])

    def left(self, end: int) -> None:
        """Hear that the text up to ``end`` has left."""
        self.gone = max(self.gone, end)
        if self.spans and self.spans[0].end <= self.gone:
            first = next((place for place, span in enumerate(self.spans) if span.end > self.gone), len(self.spans))
            del self.spans[:first]

    def _settle(self, *, ended: bool) -> None:
        settled = min(self._from, default=self.length)
        settled = self.length if ended else min(settled, self.length - (self.window or 0))
        self.settled = max(self.settled, settled)
        surplus = min(self._from, default=self.length) - BEFORE - self._base
        if surplus > BEFORE:
            self._text = self._text[surplus:]
            self._base += surplus
