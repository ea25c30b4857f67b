"""Numbers out of attributes: integers as they are, whole doubles, and digits in texts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import ValueKind
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Slot

__all__ = ["Read", "read_floats", "read_integers"]

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


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
