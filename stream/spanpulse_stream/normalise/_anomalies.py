"""What was odd about a span without costing it its row: one bit an anomaly while a batch is made, names at the end."""

from enum import IntEnum
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Anomalies", "Anomaly"]


class Anomaly(IntEnum):
    """The anomalies; a column reads their names in lower case, in this order."""

    END_BEFORE_START = 0
    START_OUT_OF_RANGE = 1
    INVALID_PARENT_ID = 2
    NEGATIVE_TOKENS = 3
    HUGE_TOKENS = 4
    TOKENS_NOT_A_NUMBER = 5
    MESSAGES_NOT_JSON = 6
    TEXT_TOO_LONG = 7
    WEIGHT_OUT_OF_RANGE = 8
    FIRST_TOKEN_OUT_OF_RANGE = 9
    USAGE_NOT_JSON = 10
    DOCUMENTS_NOT_JSON = 11
    COST_OUT_OF_RANGE = 12
    MISSING_EVALUATION_NAME = 13


_TYPE: Final = pa.list_(pa.string())


class Anomalies:
    """The anomalies of the spans of one batch."""

    def __init__(self, size: int) -> None:
        self._bits = np.zeros(size, np.uint32)

    def note(self, anomaly: Anomaly, where: NDArray[np.bool_]) -> None:
        """Add an anomaly to the spans of a mask."""
        if where.any():
            self._bits[where] |= np.uint32(1 << anomaly)

    def note_row(self, anomaly: Anomaly, row: int) -> None:
        """Add an anomaly to one span."""
        self._bits[row] |= np.uint32(1 << anomaly)

    def has(self, anomaly: Anomaly) -> NDArray[np.bool_]:
        """Tell which spans have an anomaly."""
        found: NDArray[np.bool_] = self._bits & np.uint32(1 << anomaly) != 0
        return found

    def column(self) -> pa.Array:
        """Return a list<string> column, without NULLs."""
        if not self._bits.any():
            return pa.ListArray.from_arrays(np.zeros(len(self._bits) + 1, np.int32), pa.array([], pa.string()))
        values, codes = np.unique(self._bits, return_inverse=True)
        names = [[each.name.lower() for each in Anomaly if bits >> each & 1] for bits in values.tolist()]
        return pa.array(names, _TYPE).take(pa.array(codes))
