"""The cursor of a list: what had been received when its first page was made, and behind which trace to go on.

It is text for a URL, checked whole when it is read, and holds nothing that a visitor could not choose anyway.
"""

import re
from dataclasses import dataclass
from typing import Self

__all__ = ["BadCursor", "Cursor"]

FORM = re.compile(r"(\d{1,15})(?:~(-?\d{1,15}(?:\d{0,4})(?:\.\d{1,12})?)~([0-9a-f]{32}))?", re.ASCII)


class BadCursor(ValueError):  # noqa: N818 -- reads as what it is
    """The cursor is none of ours; begin with the first page."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """``through_ms``: rows received by then take part; ``value`` and ``trace_id``: the last trace of the page before.

    ``value`` is what the list is ordered by, as text: ns, or USD.
    """

    through_ms: int
    value: str | None = None
    trace_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `dump` wrote. Raises BadCursor."""
        found = FORM.fullmatch(text)
        if found is None:
            raise BadCursor("the cursor is damaged; begin with the first page")
        return cls(int(found[1]), found[2], found[3])

    def dump(self) -> str:
        """Return it as text for a URL."""
        return f"{self.through_ms}~{self.value}~{self.trace_id}" if self.value is not None else f"{self.through_ms}"
