"""Which deltas have been seen: the highest batch and part of each source.

A source's deltas come in order the first time they come, so what is not above the highest has been seen. Not
guaranteed: anything about sources that were not heard of for so long that others took their places.
"""

from collections import OrderedDict

from spanpulse_stream.deltas._message import Delta

__all__ = ["SeenDeltas"]

MOST_SOURCES = 65_536


class SeenDeltas:
    """Remembers ``most`` sources."""

    def __init__(self, most: int = MOST_SOURCES) -> None:
        self._most = most
        self._highest: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def is_new(self, delta: Delta) -> bool:
        """Tell whether a delta was not seen before, and remember it."""
        place, before = (delta.last, delta.part), self._highest.get(delta.source)
        if before is not None and place <= before:
            return False
        self._highest[delta.source] = place
        self._highest.move_to_end(delta.source)
        if len(self._highest) > self._most:
            self._highest.popitem(last=False)
        return True
