"""The attributes of a batch, resolved: for every slot and span the value that won, as arrays.

Reading a slot costs a few array operations, whatever the number of spans; only values of an unexpected kind are
touched one by one. What a column takes over is marked as taken, the rest goes into the map of attributes.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.decode import DecodedSpans, Value, ValueKind, decode_value
from spanpulse_stream.normalise._anomalies import Anomalies, Anomaly
from spanpulse_stream.normalise._json import parsed, scalar_text
from spanpulse_stream.normalise._kernels import Attached, Winners, pick, resolve
from spanpulse_stream.normalise._pool import ABSENT, Pool
from spanpulse_stream.normalise._slots import Family, Slot
from spanpulse_stream.normalise._tables import KEYS, TABLES

__all__ = ["LONGEST_WORD", "Resolved", "Spans", "resolved"]

LONGEST_WORD: Final = 1024
"""Bytes of a name, an id or a type; a longer one is none and stays with the other attributes."""

QUOTE: Final = ord('"')

Places = tuple[NDArray[np.int64], NDArray[np.int32]]


@dataclass(frozen=True, slots=True)
class Spans:
    """The accepted spans of a batch: their indices in ``decoded`` and the dialect of each."""

    decoded: DecodedSpans
    rows: NDArray[np.intp]
    dialect: NDArray[np.int32]
    pool: Pool
    anomalies: Anomalies

    @property
    def size(self) -> int:
        """The number of accepted spans."""
        return len(self.rows)


@dataclass(slots=True)
class Resolved:
    """Which attribute won each slot of each span, and which attributes a column has taken."""

    spans: Spans
    winner: NDArray[np.int32]  # [slot, span], -1: none
    repeated: NDArray[np.bool_]
    family: NDArray[np.uint8]
    families: NDArray[np.uint32]
    found: list[bool]  # by slot
    taken: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = np.zeros(len(self.repeated), np.bool_)

    def has(self, slot: Slot) -> NDArray[np.bool_]:
        """Tell which spans have a value in a slot."""
        has: NDArray[np.bool_] = self.winner[slot] >= 0
        return has

    def take(self, slot: Slot, where: NDArray[np.bool_] | None = None) -> None:
        """Mark the values of a slot as taken over by a column (of the spans of a mask)."""
        if self.found[slot]:
            index = self.winner[slot]
            self.taken[index[index >= 0 if where is None else where & (index >= 0)]] = True

    def drop(self, slot: Slot, row: int) -> None:
        """Mark the value of a slot of one span as taken over by a column, and empty the slot."""
        if self.winner[slot, row] >= 0:
            self.taken[self.winner[slot, row]] = True
            self.winner[slot, row] = -1

    def take_family(self, family: Family, row: int) -> None:
        """Mark the attributes of a family of one span as taken over by a column."""
        index, start = self.spans.rows[row], self.spans.decoded.attributes.start
        first, last = start[index], start[index + 1]
        self.taken[first:last] |= self.family[first:last] == family

    def value(self, slot: Slot, row: int) -> Value:
        """Return the value of a slot of one span as an object; None where there is none."""
        index = int(self.winner[slot, row])
        return None if index < 0 else self.value_at(index)

    def value_at(self, index: int) -> Value:
        """Return an attribute's value as an object."""
        values, data = self.spans.decoded.attributes.value, self.spans.decoded.data
        return decode_value(
            data,
            int(values.kind[index]),
            int(values.offset[index]),
            int(values.length[index]),
            int(values.number[index]),
        )

    def texts(self, slot: Slot) -> Places:
        """Return the texts of a slot as offsets and lengths in the pool, `ABSENT` where there is none."""
        size = self.spans.size
        if not self.found[slot]:
            return np.zeros(size, np.int64), np.full(size, ABSENT, np.int32)
        values, index = self.spans.decoded.attributes.value, self.winner[slot]
        offset, length = np.empty(size, np.int64), np.empty(size, np.int32)
        if pick(index, values.kind, values.offset, values.length, offset, length):
            for row in np.flatnonzero((index >= 0) & (values.kind[index] != ValueKind.STRING)).tolist():
                offset[row], length[row] = self.spans.pool.add(scalar_text(self.value_at(int(index[row]))))
        return offset, length

    def word_places(self, slot: Slot) -> Places:
        """Return the texts of a slot of names, without the quotes of JSON; those that are too long are none.

        The others are taken.
        """
        offset, length = self.texts(slot)
        if self.found[slot]:
            self._unquote(offset, length)
            long = length > LONGEST_WORD
            if long.any():
                self.spans.anomalies.note(Anomaly.TEXT_TOO_LONG, long)
                length[long] = ABSENT
            self.take(slot, length >= 0)
        return offset, length

    def _unquote(self, offset: NDArray[np.int64], length: NDArray[np.int32]) -> None:
        """Read the texts that are JSON strings; an empty one is none."""
        pool = self.spans.pool
        own = np.flatnonzero((length > 1) & (offset < len(pool.data)))
        for row in own[pool.data[offset[own]] == QUOTE].tolist():
            read = parsed(pool.text(int(offset[row]), int(length[row])))
            if isinstance(read, str):
                offset[row], length[row] = pool.add(read.encode()) if read else (0, ABSENT)

    def words(self, slot: Slot) -> Words:
        """Return the texts of a slot of names as coded words."""
        return self.spans.pool.words(*self.word_places(slot))


def resolved(spans: Spans) -> Resolved:
    """Resolve the attributes of all spans of a batch."""
    attributes, size = spans.decoded.attributes, spans.size
    start, rows = attributes.start, spans.rows
    first, last = start[:-1][rows], start[1:][rows]
    most = int((last - first).max(initial=0))
    winners = Winners(
        winner=np.full((len(Slot), size), -1, np.int32),
        repeated=np.zeros(len(attributes.key), np.bool_),
        family=np.zeros(len(attributes.key), np.uint8),
        families=np.zeros(size, np.uint32),
        recent=np.full(len(KEYS), -1, np.int32),
        table=np.full(1 << (2 * most + 1).bit_length(), -1, np.int32),
    )
    attached = Attached(
        first=first,
        last=last,
        dialect=spans.dialect,
        key=attributes.key,
        key_offset=attributes.key_offset,
        key_length=attributes.key_length,
        kind=attributes.value.kind,
        length=attributes.value.length,
    )
    resolve(spans.decoded.data, attached, TABLES, winners)
    found: list[bool] = np.any(winners.winner >= 0, axis=1).tolist()
    return Resolved(spans, winners.winner, winners.repeated, winners.family, winners.families, found)
