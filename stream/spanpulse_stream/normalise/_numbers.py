"""Numbers out of attributes: integers as they are, whole doubles, and digits in texts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import ValueKind
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import ACCEPTED, Slot
from spanpulse_stream.normalise._tables import TABLES

__all__ = ["Read", "next_best", "read_floats", "read_integers"]

_LARGEST = 2.0**62


@dataclass(frozen=True, slots=True)
class Read:
    """What a slot of numbers holds: a number where ``valid``, something that is none where ``odd``."""

    values: NDArray[np.int64]
    valid: NDArray[np.bool_]
    odd: NDArray[np.bool_]


def read_floats(resolved: Resolved, slot: Slot) -> NDArray[np.float64]:
    """Return the numbers of a slot, NaN where there is none."""
    out = np.full(resolved.spans.size, np.nan)
    if not resolved.found[slot]:
        return out
    index, values = resolved.winner[slot], resolved.spans.decoded.attributes.value
    present, kind, number = index >= 0, values.kind[index], values.number[index]
    whole, double = present & (kind == ValueKind.INT), present & (kind == ValueKind.DOUBLE)
    out[whole] = number[whole]
    out[double] = number.view(np.float64)[double]
    for row in np.flatnonzero(present & (kind == ValueKind.STRING)).tolist():
        out[row] = _float(str(resolved.value(slot, row)))
    return out


def read_integers(resolved: Resolved, slot: Slot) -> Read:
    """Return the whole numbers of a slot."""
    size = resolved.spans.size
    values, valid = np.zeros(size, np.int64), np.zeros(size, np.bool_)
    if not resolved.found[slot]:
        return Read(values, valid, valid.copy())
    index, source = resolved.winner[slot], resolved.spans.decoded.attributes.value
    present = index >= 0
    valid |= present & (source.kind[index] == ValueKind.INT)
    values[valid] = source.number[index[valid]]
    others = np.flatnonzero(present & ~valid)
    if others.size:
        floats = read_floats(resolved, slot)[others]
        whole = np.abs(floats) < _LARGEST
        whole &= np.where(whole, floats, 0.5) % 1 == 0
        values[others[whole]] = floats[whole].astype(np.int64)
        valid[others[whole]] = True
    return Read(values, valid, present & ~valid)


def next_best(resolved: Resolved, slot: Slot, row: int, most: int) -> int | None:
    """Return a count of 0 to ``most`` out of the best other attribute of a span that has one, which wins the slot."""
    spans, attributes = resolved.spans, resolved.spans.decoded.attributes
    first, last = (int(attributes.start[spans.rows[row] + step]) for step in (0, 1))
    key, dialect = attributes.key[first:last], spans.dialect[row]
    rivals = (key >= 0) & ~resolved.repeated[first:last] & ACCEPTED[slot, attributes.value.kind[first:last]]
    rivals &= TABLES.slots[dialect, key] == slot
    rivals[int(resolved.winner[slot, row]) - first] = False
    places = np.flatnonzero(rivals)
    for place in places[np.argsort(-TABLES.preference[dialect, key[places]], kind="stable")].tolist():
        value = resolved.value_at(first + place)
        count = _float(value) if isinstance(value, str) else value
        if isinstance(count, int | float) and 0 <= count <= most and count == int(count):
            resolved.winner[slot, row] = first + place
            return int(count)
    return None


def _float(text: str) -> float:
    """Return the number a text says, NaN where it is none: ``1_0`` is a number in Python alone."""
    try:
        return float("nan" if "_" in text else text)
    except ValueError:
        return float("nan")
