"""Which attribute of a log record, or of its resource, stands for which value: a row of the attributes, or none."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import Attributes, KeyTable, ValueKind
from spanpulse_stream.jit import entry
from spanpulse_stream.normalise._logs_keys import SLOT_KEYS, LogSlot

__all__ = ["Slots", "find_slots"]

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

Slots: TypeAlias = I32
"""[slot, owner]: row of the attribute, -1: none."""

_STRING: Final = 1  # ValueKind.STRING, as kernels have it
_STRUCTURES: Final = (ValueKind.STRING, ValueKind.ARRAY, ValueKind.KVLIST)
_SCALARS: Final = (ValueKind.STRING, ValueKind.BOOL, ValueKind.INT, ValueKind.DOUBLE)
_CONTENT: Final = range(LogSlot.INPUT_MESSAGES, LogSlot.EVENT_CONTENT + 1)


def _accepted() -> NDArray[np.bool_]:
    table = np.zeros((len(LogSlot), len(ValueKind)), np.bool_)
    for slot in LogSlot:
        table[slot, list(_STRUCTURES if slot in _CONTENT else _SCALARS)] = True
    return table


_ACCEPTED: Final = _accepted()


def find_slots(attributes: Attributes, keys: KeyTable) -> Slots:
    """Return the best attribute for each slot of each owner: not empty, of a kind that fits; of equal keys the last.

    ``keys`` is what the batch was decoded with.
    """
    slot_of = np.full(len(keys), -1, np.int32)
    rank_of = np.zeros(len(keys), np.int32)
    for slot, names in SLOT_KEYS.items():
        for rank, name in enumerate(names):
            slot_of[keys.index[name]], rank_of[keys.index[name]] = slot, rank
    found = np.full((len(LogSlot), len(attributes.start) - 1), -1, np.int32)
    values = attributes.value
    _find(attributes.start, attributes.key, values.kind, values.length, slot_of, rank_of, _ACCEPTED, found)
    return found


@entry
def _find(
    start: I64, key: I32, kind: U8, length: I32, slot_of: I32, rank_of: I32, accepted: NDArray[np.bool_], found: Slots
) -> None:
    for owner in range(len(start) - 1):
        for row in range(start[owner], start[owner + 1]):
            if key[row] < 0 or slot_of[key[row]] < 0:
                continue
            slot = slot_of[key[row]]
            holder = found[slot, owner]
            if holder >= 0 and rank_of[key[holder]] < rank_of[key[row]]:
                continue
            if accepted[slot, kind[row]] and not (kind[row] == _STRING and length[row] == 0):
                found[slot, owner] = row
