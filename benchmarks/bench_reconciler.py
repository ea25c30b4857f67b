"""How many rows of `seen` a look of the reconciler handles in a second of CPU time; on generated rows in chDB.

    python benchmarks/bench_reconciler.py [THOUSANDS of spans, default 600]

Traces of ten spans as in bench_usage.py, each in one of twelve partitions; one span in a hundred is stored from another
partition as well, and one trace in a hundred has its root in another one. All is stored first; then a reconciler with a
window of 500,000 reads it, as after a start, and then what came in the meantime, in looks of 10 s of 2,000 spans/s. CPU
time is that of the process: reading, the engine's part of it included, and that of the thread, without the engine.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from bench_usage import scramble, traffic
from spanpulse_sinks.clickhouse import EmbeddedConfig, EmbeddedDatabase
from spanpulse_stream.columns import SpanColumns, Words
from spanpulse_stream.decisions import Finding, Look, Reconciler
from spanpulse_stream.usage import CONTEXT_FIELDS, PartitionState, attribute_usage, warm_up_union

SOURCES, WINDOW, BATCH, STEADY = 12, 500_000, 8_192, 20_000
START_MS = round(time.time() * 1000) - 600_000
MEGABYTE = 1 << 20
TIME = pa.timestamp("ms", tz="UTC")


def picked(columns: SpanColumns, rows: np.ndarray, source: int) -> SpanColumns:
    """Return some rows of a batch, as one of a source."""
    made = SpanColumns(**{name: getattr(columns, name) for name in SpanColumns.__slots__})
    for name in ("log_offset", "ordinal", "received_at", "trace_id", "span_id", "parent_span_id"):
        setattr(made, name, getattr(columns, name)[rows])
    for name in ("start_time", "end_time", "usage_rank"):
        setattr(made, name, getattr(columns, name)[rows])
    for name in ("tenant", "kind", "status", "provider", "request_model", "resource", *CONTEXT_FIELDS):
        words = getattr(columns, name)
        setattr(made, name, Words(words.codes[rows], words.values))
    made.response_id = columns.response_id.take(pa.array(rows))
    for name in ("input_tokens", "output_tokens", "duration_ns", "time_to_first_token_ns"):
        numbers = getattr(columns, name)
        setattr(made, name, type(numbers)(numbers.values[rows], numbers.valid[rows]))
    made.size, made.log_source = len(rows), source
    return made


def spread(columns: SpanColumns, trace: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield for each source the rows that it gets."""
    home = scramble(trace) % np.uint64(SOURCES)
    other = (home + np.uint64(1)) % np.uint64(SOURCES)
    lot = scramble(columns.span_id + np.uint64(1)) % np.uint64(100)
    stray = (columns.parent_span_id == 0) & (scramble(trace + np.uint64(7)) % np.uint64(100) == 0)
    for source in range(SOURCES):
        yield source, np.flatnonzero(np.where(stray, other, home) == source)
    # Copies come behind, as a sender's second attempt does.
    for source in range(SOURCES):
        yield source, np.flatnonzero((lot == 0) & ~stray & (other == source))


class Stored:
    """What workers would have written."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self.database = database
        self.states = [PartitionState(WINDOW) for _ in range(SOURCES)]
        self.ends = [0] * SOURCES
        self.spans = 0
        self._random = np.random.default_rng(7)

    def write(self, size: int) -> None:
        """Write the next spans of all partitions."""
        columns = traffic(self.spans, size, self._random)
        trace = np.arange(self.spans, self.spans + size, dtype=np.uint64) // np.uint64(10)
        columns.received_at = START_MS + np.arange(self.spans, self.spans + size) // 2
        self.spans += size
        for source, rows in spread(columns, trace):
            if rows.size:
                self._write(source, picked(columns, rows, source + 1))

    def _write(self, source: int, columns: SpanColumns) -> None:
        first = self.ends[source]
        columns.log_offset = first + np.arange(columns.size) // 512
        columns.ordinal = (np.arange(columns.size) % 512).astype(np.int32)
        self.ends[source] = int(columns.log_offset[-1]) + 1
        made = attribute_usage(columns, self.states[source])
        at = pa.array(columns.received_at).cast(TIME)
        told = {name: pa.array(getattr(made, name).tolist(), pa.string()) for name in CONTEXT_FIELDS}
        place = {
            "log_source": pa.array(np.full(columns.size, source + 1, np.uint32)),
            "log_offset": pa.array(columns.log_offset),
            "ordinal": pa.array(columns.ordinal),
            "received_at": at,
        }
        stored = pa.RecordBatch.from_pydict({**place, "counted": pa.array(made.counted), **told})
        keep = pa.array(made.keep)
        self.database.insert("seen", made.seen)
        self.database.insert("span_rows", stored.filter(keep))
        if made.corrections.size:
            self.database.insert("span_updates", made.corrections.record_batch())
        row = {
            "log_source": [source + 1],
            "first_offset": [first],
            "last_offset": [self.ends[source] - 1],
            "signal": ["traces"],
            "stored": [int(made.keep.sum())],
            "updates": [made.corrections.size],
        }
        types = {"log_source": pa.uint32(), "signal": pa.string()}
        arrays = {name: pa.array(value, types.get(name, pa.int64())) for name, value in row.items()}
        self.database.insert("batches", pa.RecordBatch.from_pydict({**arrays, "received_at": at.slice(0, 1)}))


def looked(reconciler: Reconciler, what: str) -> list[Finding]:
    """Look once and print what it took."""
    begun, thread, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    look: Look = reconciler.look(range(1, SOURCES + 1))
    thread, cpu, wall = time.thread_time() - thread, time.process_time() - cpu, time.perf_counter() - begun
    reconciler.sent(look.findings)
    print(
        f"{what}: {look.spans:,} rows, {len(look.findings):,} decisions; {wall:.2f} s, CPU {cpu:.2f} s"
        f" ({look.spans / max(cpu, 1e-9):,.0f} rows a CPU-second), of the thread {thread:.2f} s"
        f" ({look.spans / max(thread, 1e-9):,.0f})"
    )
    return look.findings


def main() -> None:
    """Print the figures."""
    spans = 1_000 * int(sys.argv[1] if len(sys.argv) > 1 else 600)
    warm_up_union()
    with tempfile.TemporaryDirectory() as folder, EmbeddedDatabase.open(Path(folder), EmbeddedConfig()) as database:
        stored = Stored(database)
        while stored.spans < spans:
            stored.write(BATCH)
        process = psutil.Process()
        before = process.memory_info().rss
        reconciler = Reconciler(database, WINDOW, 21_600.0)
        looked(reconciler, "after a start")
        print(f"memory: {(process.memory_info().rss - before) / MEGABYTE:.0f} MB, the engine's share included")
        for number in range(5):
            stored.write(STEADY)
            looked(reconciler, f"look {number + 1}")
        looked(reconciler, "nothing new")


if __name__ == "__main__":
    main()
