"""A place in a sorted table, as text for a URL: the last row's rank and key."""

import base64
import binascii
from dataclasses import dataclass

import orjson

from spanpulse_dashboards._scope import ScopeError

__all__ = ["Place", "read_place", "write_place"]

LONGEST = 6000
MOST = 1e301  # the largest rank is that of rows without one
DAMAGED = "the cursor is damaged: begin with the first page"


@dataclass(frozen=True, slots=True)
class Place:
    """``rank`` is what the table is sorted by, ``key`` and ``more`` settle ties."""

    rank: float
    key: str
    more: str = ""


def write_place(place: Place) -> str:
    """Return it as text."""
    return base64.urlsafe_b64encode(orjson.dumps([place.rank, place.key, place.more])).decode().rstrip("=")


def read_place(text: str) -> Place:
    """Read what `write_place` wrote. Raises ScopeError."""
    place = _place(text) if len(text) <= LONGEST else None
    if place is None:
        raise ScopeError("after", DAMAGED)
    return place


def _place(text: str) -> Place | None:
    try:
        read = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        return None
    match read:
        case [int() | float() as rank, str() as key, str() as more] if -MOST < rank < MOST:
            return Place(float(rank), key, more)
    return None
