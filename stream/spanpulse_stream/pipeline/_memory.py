"""What a partition remembers of its log: whose tokens count, full dimensions, traces with model calls.

All of it is a function of the log below an offset and of the window: restored from the database it is what it was
live. It advances as batches are computed; when one is not written after all, restore anew. One thread at a time.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spanpulse_stream.pipeline._history import History
from spanpulse_stream.rollup import DimensionCaps
from spanpulse_stream.rows import traces_of_calls
from spanpulse_stream.usage import PartitionState

__all__ = ["PartitionMemory"]


class PartitionMemory:
    """The memory before ``offset``; ``seed`` says how tables lie in it and has no influence on any result."""

    def __init__(self, history: History, offset: int, window: int, *, seed: int) -> None:
        self.window = window
        self.offset = offset
        self.usage = PartitionState(window, seed=seed)
        self.traces = CallTraces(window)
        self.dimensions = DimensionCaps(_loader(history, lambda: self.offset))
        for rows in history.seen(offset, 2 * window):
            self.usage.restore(rows)
            self.traces.fold(rows)

    def advance(self, offset: int, tables: Mapping[str, pa.RecordBatch | None]) -> None:
        """Take over what the tables of a batch, which ends before ``offset``, add."""
        self.offset = offset
        if (seen := tables.get("seen")) is not None:
            self.traces.fold(pa.Table.from_batches([seen]))
        if (admitted := tables.get("dimension_values")) is not None:
            self.dimensions.advance(admitted)


class CallTraces:
    """Digests of the traces that showed a model call among the last ``window`` spans."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._spans = 0
        self._digests = np.zeros(0, np.uint64)
        self._places = np.zeros(0, np.int64)  # the number of the newest span that showed it

    def digests(self) -> NDArray[np.uint64]:
        """Return the digests, each once."""
        return self._digests

    def fold(self, seen: pa.Table) -> None:
        """Take rows of `seen` in log order; log records among them have no part in it."""
        places, digests = traces_of_calls(seen)
        found = np.concatenate([digests[::-1], self._digests])
        at = np.concatenate([(places + self._spans)[::-1], self._places])
        # The first of equal digests is the newest.
        self._digests, newest = np.unique(found, return_index=True)
        self._places = at[newest]
        self._spans += int(pc.sum(pc.equal(seen["record"], 0)).as_py() or 0)
        recent = self._places >= self._spans - self._window
        self._digests, self._places = self._digests[recent], self._places[recent]


def _loader(history: History, before: Callable[[], int]) -> Callable[[int, int], list[tuple[str, str, str]]]:
    """Return what loads the dimension values of a day; the history is that of one source."""
    return lambda _source, day: history.dimension_values(day, before())
