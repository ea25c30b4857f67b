"""What a partition remembers of its log, and how it is restored.

The state is a fold over the rows of `seen`, through the kernel that runs live. Given all rows from before the last
``window`` spans on, whatever lies within one window of each other is known exactly as it was live; give twice the
window and so are the chains of spans that reach across its edge. It is not thread-safe.
"""

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import Words
from spanpulse_stream.usage._fold import fold
from spanpulse_stream.usage._intern import Interner
from spanpulse_stream.usage._logs import fold_logs, new_log_memory, with_room_for
from spanpulse_stream.usage._memory import CONTEXT_FIELDS, TAKEN, Batch, new_batch, new_memory
from spanpulse_stream.usage._room import with_room
from spanpulse_stream.usage._seen import RECORD_LOG, read_words, rows_of_spans

__all__ = ["PartitionState"]

CHUNK = 65_536  # rows restored at a time
MOST_WINDOW = 1 << 30  # slots are 31-bit numbers


class PartitionState:
    """The last ``window`` spans and the last ``window`` log records of one partition.

    ``seed`` (64 bits, from the caller's source of randomness) decides how the tables lie in memory, so that senders
    cannot aim at their weak places; it has no influence on any result. Raises ValueError for a window below 1.
    """

    def __init__(self, window: int = 500_000, *, seed: int = 0) -> None:
        if not 1 <= window <= MOST_WINDOW:
            raise ValueError(f"window must be from 1 to {MOST_WINDOW}, not {window}")
        self.window = window
        self.memory = new_memory(window, seed)
        self.logs = new_log_memory(window, seed)
        self.contexts = Interner()
        self.tenants = Interner()

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; the operating system backs them as they fill, and tables grow."""
        arrays = [*self.memory[:-1], *self.logs[:-1]]
        return sum(array.nbytes for array in arrays)

    def fold(self, batch: Batch) -> None:
        """Fold a batch of spans in and let go of texts that nothing in the window holds any more."""
        held = min(int(self.memory.counters[TAKEN]) + len(batch.incoming), self.window)
        self.memory = self.memory._replace(tables=with_room(self.memory.tables, held))
        fold(self.memory, batch)

    def sweep(self) -> None:
        """Let go of context texts that nothing in the window holds any more."""
        filled = min(int(self.memory.counters[TAKEN]), self.window)
        self.contexts.sweep(self.memory.context[:filled])

    def restore(self, seen: pa.Table) -> None:
        """Fold rows of `seen` in, of one log source and in log order (log_offset, ordinal).

        May be called again with the rows that follow. Raises ValueError if they are out of order, KeyError if a
        column is missing.
        """
        for start in range(0, len(seen), CHUNK):
            chunk = seen.slice(start, CHUNK)
            is_log = chunk["record"].to_numpy() == RECORD_LOG
            self._restore_spans(chunk.filter(pa.array(~is_log)))
            self._restore_logs(chunk.filter(pa.array(is_log)))

    def _restore_spans(self, seen: pa.Table) -> None:
        rows = rows_of_spans(seen)
        rows["tenant"] = self.tenants.numbers(read_words(seen["tenant"]))
        context = [self.contexts.numbers(read_words(seen[field])) for field in CONTEXT_FIELDS]
        self.fold(new_batch(rows, np.stack(context, axis=1)))
        self.sweep()

    def _restore_logs(self, seen: pa.Table) -> None:
        keys = np.stack([seen["key_high"].to_numpy(), seen["key_low"].to_numpy()], axis=1)
        self.keep_logs(read_words(seen["tenant"]), keys)

    def keep_logs(self, tenant: Words, keys: "np.typing.NDArray[np.uint64]") -> "np.typing.NDArray[np.bool_]":
        """Fold log records in; return which of them are new."""
        keep = np.zeros(len(keys), np.bool_)
        self.logs = with_room_for(self.logs, len(keys))
        fold_logs(self.logs, self.tenants.numbers(tenant), keys, keep)
        return keep
