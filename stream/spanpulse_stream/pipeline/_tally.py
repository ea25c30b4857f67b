"""What became of a batch's records, per minute of receipt, tenant and signal: the rows of the table `batches`.

accepted = stored + duplicate + dead_lettered + filtered holds for every row by construction of the counts that
are passed in; the sums over a partition are held against the log's own counters by whoever asks.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.pipeline._cut import Incoming

__all__ = ["COUNTS", "Tally"]

COUNTS = ("accepted", "stored", "duplicate", "dead_lettered", "filtered", "unjoined", "updates", "scores")
MINUTE_MS = 60_000


class Tally:
    """Counts records of one batch by the message they came in."""

    def __init__(self, batch: list[Incoming]) -> None:
        self._batch = batch
        self._first = batch[0].offset
        self._rows: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))

    def add(self, count: str, offsets: NDArray[np.int64] | Iterable[int]) -> None:
        """Count one record for each log offset in ``offsets`` (a record a row; offsets may repeat)."""
        places, amounts = np.unique(np.asarray(offsets, np.int64) - self._first, return_counts=True)
        for place, amount in zip(places.tolist(), amounts.tolist(), strict=True):
            self.add_to(self._batch[place], count, amount)

    def add_to(self, message: Incoming, count: str, amount: int) -> None:
        """Count ``amount`` records of one message."""
        minute = message.appended_at // MINUTE_MS * MINUTE_MS
        self._rows[minute, message.tenant, message.signal][count] += amount

    def total(self, count: str, signal: str | None = None) -> int:
        """Return one count over the whole batch, or over its messages of one signal."""
        return sum(row[count] for (_, _, of), row in self._rows.items() if signal in (None, of))

    def table(self, log_source: int, versions: str) -> pa.RecordBatch:
        """Return the rows of `batches`, in the order of their key."""
        keys = sorted(self._rows)
        size = len(keys)
        columns = {
            "log_source": pa.array([log_source] * size, pa.uint32()),
            "first_offset": pa.array([self._first] * size, pa.int64()),
            "last_offset": pa.array([self._batch[-1].offset] * size, pa.int64()),
            "received_at": pa.array([self._batch[0].appended_at] * size, pa.timestamp("ms", tz="UTC")),
            "minute": pa.array([minute // 1000 for minute, _, _ in keys], pa.timestamp("s", tz="UTC")),
            "tenant": pa.array([tenant for _, tenant, _ in keys], pa.string()),
            "signal": pa.array([signal for _, _, signal in keys], pa.string()),
            **{name: pa.array([self._rows[key][name] for key in keys], pa.int64()) for name in COUNTS},
            "versions": pa.array([versions] * size, pa.string()),
        }
        return pa.RecordBatch.from_pydict(columns)
