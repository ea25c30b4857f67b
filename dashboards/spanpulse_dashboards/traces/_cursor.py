"""The cursor of a list: what had been received when its first page was made, and behind which trace to go on.

It is text for a URL, checked whole when it is read, and holds nothing that a visitor could not choose anyway. Each
order has values of its own kind, so the cursor of one is refused by another. Not guaranteed: that the trace exists.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from spanpulse_dashboards._period import EARLIEST, LATEST
from spanpulse_dashboards.traces._models import Order

__all__ = ["FORM", "BadCursor", "Cursor"]

FORM: Final = r"^([0-9]{12,13})(?:~([0-9]{1,26}(?:\.[0-9]{1,12})?)~([0-9a-f]{32}))?$"
"""What a cursor looks like, here and in the OpenAPI document."""
OLDEST_MS, NEWEST_MS = int(EARLIEST.timestamp()) * 1000, int(LATEST.timestamp()) * 1000
MOST_NS: Final = 2**63
DAMAGED: Final = "the cursor is damaged; begin with the first page"
OF_ANOTHER: Final = "the cursor is not one of this order; begin with the first page"


class BadCursor(ValueError):  # noqa: N818 -- reads as what it is
    """The cursor is none of ours; begin with the first page."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """``through_ms``: rows received by then take part; ``value`` and ``trace_id``: the last trace of the page before.

    ``value`` is what the list is ordered by, as text: USD for the dearest, ns for all others.
    """

    through_ms: int
    value: str | None = None
    trace_id: str | None = None

    @classmethod
    def parse(cls, text: str, order: Order) -> Self:
        """Read what `dump` wrote in a list of this order. Raises BadCursor."""
        found = re.fullmatch(FORM, text)
        if found is None or not OLDEST_MS <= int(found[1]) < NEWEST_MS:
            raise BadCursor(DAMAGED)
        value = found[2]
        if value is not None and order != "dearest" and ("." in value or int(value) >= MOST_NS):
            raise BadCursor(OF_ANOTHER)
        return cls(int(found[1]), value, found[3])

    def dump(self) -> str:
        """Return it as text for a URL."""
        return f"{self.through_ms}~{self.value}~{self.trace_id}" if self.value is not None else f"{self.through_ms}"
