"""Which colour a name has, the same on every page of the process: a slot of eight colours, then of patterns.

A name begins at the slot that its hash says and takes the first free one, so few names rarely share a colour. Not
guaranteed: the same slot after a restart where two names wanted the same one.
"""

from collections.abc import Iterable
from zlib import crc32

__all__ = ["COLOURS", "ColourBook"]

COLOURS = 8
PATTERNS = 3
MOST_NAMES = 4096


class ColourBook:
    """Slots of names; 0 to 7 are colours, 8 to 15 the same with a pattern, and so on. Bounded."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}

    def slots(self, names: Iterable[str]) -> dict[str, int]:
        """Return the slot of each name."""
        return {name: self._slot(name) for name in names}

    def _slot(self, name: str) -> int:
        if (known := self._slots.get(name)) is not None:
            return known
        wanted = crc32(name.encode("utf-8", "replace")) % COLOURS
        taken = set(self._slots.values())
        places = (COLOURS * row + (wanted + step) % COLOURS for row in range(PATTERNS) for step in range(COLOURS))
        slot = next((place for place in places if place not in taken), wanted)
        if len(self._slots) < MOST_NAMES:
            self._slots[name] = slot
        return slot
