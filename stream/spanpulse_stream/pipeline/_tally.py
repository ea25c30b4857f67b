"""What became of a batch's records, per minute of receipt, tenant and signal: the rows of the table `batches`.

accepted = stored + duplicate + dead_lettered + filtered holds for every row by construction of the counts that
are passed in; the sums over a partition are held against the log's own counters by whoever asks.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.pipeline._cut import Incoming

__all__ = ["COUNTS", "Tally"]

COUNTS = ("accepted", "stored", "duplicate", "dead_lettered", "filtered", "unjoined", "updates", "scores", "decided")
MINUTE_MS = 60_000


class Tally:
    """Counts records of one batch by the message they came in."""

    def __init__(self, batch: list[Incoming]) -> None:
        self._batch = batch
        self._at = {message.offset: message for message in batch}  # offsets may have gaps
        self._rows: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
        self._tenants: dict[int, str] = {}

    def add(self, count: str, offsets: NDArray[np.int64] | Iterable[int]) -> None:
        """Count one record for each log offset in ``offsets`` (a record a row; offsets may repeat)."""
        found, amounts = np.unique(np.asarray(offsets, np.int64), return_counts=True)
        for offset, amount in zip(found.tolist(), amounts.tolist(), strict=True):
            self.add_to(self._at[offset], count, amount)

    def add_of(self, count: str, offsets: NDArray[np.int64], tenants: Iterable[str]) -> None:
        """Count one record for each log offset in ``offsets``, under a tenant that need not be its message's."""
        for (offset, tenant), amount in Counter(zip(offsets.tolist(), tenants, strict=True)).items():
            self._add(self._at[offset], tenant, count, amount)

    def message(self, offset: int) -> Incoming:
        """Return the message of an offset. Raises KeyError for one that is not of the batch."""
        return self._at[offset]

    def rename(self, message: Incoming, tenant: str) -> None:
        """Count what a message brings under another tenant than its headers say."""
        self._tenants[message.offset] = tenant

    def add_to(self, message: Incoming, count: str, amount: int) -> None:
        """Count ``amount`` records of one message."""
        self._add(message, self._tenants.get(message.offset, message.tenant), count, amount)

    def _add(self, message: Incoming, tenant: str, count: str, amount: int) -> None:
        minute = message.appended_at // MINUTE_MS * MINUTE_MS
        self._rows[minute, tenant, message.signal][count] += amount

    def total(self, count: str, signal: str | None = None) -> int:
        """Return one count over the whole batch, or over its messages of one signal."""
        return sum(row[count] for (_, _, of), row in self._rows.items() if signal in (None, of))

    def table(self, log_source: int, versions: str) -> pa.RecordBatch:
        """Return the rows of `batches`, in the order of their key; a batch without any record has one of zeros."""
        if not self._rows:
            self.add_to(self._batch[0], "accepted", 0)
        keys = sorted(self._rows)
        size = len(keys)
        columns = {
            "log_source": pa.array([log_source] * size, pa.uint32()),
            "first_offset": pa.array([self._batch[0].offset] * size, pa.int64()),
            "last_offset": pa.array([self._batch[-1].offset] * size, pa.int64()),
            "received_at": pa.array([self._batch[0].appended_at] * size, pa.timestamp("ms", tz="UTC")),
            "minute": pa.array([minute // 1000 for minute, _, _ in keys], pa.timestamp("s", tz="UTC")),
            "tenant": pa.array([tenant for _, tenant, _ in keys], pa.string()),
            "signal": pa.array([signal for _, _, signal in keys], pa.string()),
            **{name: pa.array([self._rows[key][name] for key in keys], pa.int64()) for name in COUNTS},
            "versions": pa.array([versions] * size, pa.string()),
        }
        return pa.RecordBatch.from_pydict(columns)
