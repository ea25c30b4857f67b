"""CPU time, memory and rows of usage attribution on random traffic; run it as `python benchmarks/bench_usage.py`.

Traces of ten spans, six of them LLM calls with response ids, one in twenty without usage or id, a root that comes
last and brings user and session; some traces are cut by the batch, which makes corrections. Times are CPU time of
the thread, medians over batches of 8,192 spans, the window full.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from builders import BASE_NS, span_columns
from spanpulse_stream.columns import Numbers, SpanColumns, Words
from spanpulse_stream.usage import PartitionState, attribute_usage

WINDOW, BATCH, TRACE, CALLS = 500_000, 8_192, 10, 6
MEGABYTE = 1 << 20


def traffic(first: int, size: int, random: np.random.Generator) -> SpanColumns:
    """Return ``size`` spans of a log, from the ``first`` one on."""
    number = np.arange(first, first + size, dtype=np.uint64)
    trace, place = number // TRACE, (number % TRACE).astype(np.int64)
    root = place == TRACE - 1
    call = place < CALLS
    plain = call & (random.random(size) < 0.95)
    columns = span_columns([])
    columns.size = size
    columns.log_offset = (number // 512).astype(np.int64)
    columns.ordinal = (number % 512).astype(np.int32)
    columns.received_at = columns.log_offset + 1_763_700_100_000
    columns.tenant = Words.constant(size, "default")
    columns.trace_id = np.stack([scramble(trace), scramble(trace + np.uint64(1 << 40))], axis=1)
    columns.span_id = scramble(number + np.uint64(1 << 50))
    columns.parent_span_id = np.where(root, 0, scramble(trace * TRACE + TRACE - 1 + np.uint64(1 << 50))).astype(
        np.uint64
    )
    columns.start_time = BASE_NS + (number * 50_000).astype(np.int64)
    columns.end_time = columns.start_time + random.integers(10**6, 10**10, size)
    columns.duration_ns = Numbers(columns.end_time - columns.start_time, np.ones(size, np.bool_))
    columns.time_to_first_token_ns = Numbers(columns.duration_ns.values // 4, call)
    columns.kind = Words(np.where(call, 0, 1).astype(np.int32), ["llm", "other"])
    columns.usage_rank = np.where(call, 2, 0).astype(np.uint8)
    columns.status = Words.constant(size, "unset")
    columns.provider = Words(np.where(call, 0, -1).astype(np.int32), ["openai"])
    columns.request_model = Words(np.where(call, place % 4, -1).astype(np.int32), ["a", "b", "c", "d"])
    columns.resource = Words((trace % 20).astype(np.int32), [f'{{"service.instance.id":"{pod}"}}' for pod in range(20)])
    ids = [f"chatcmpl-{one:024x}" if has else None for one, has in zip(columns.span_id.tolist(), plain, strict=True)]
    columns.response_id = pa.array(ids, pa.string())
    columns.input_tokens = columns.output_tokens = Numbers(random.integers(1, 4_000, size), plain)
    people = [f"user-{one}" for one in range(5_000)]
    columns.user_id = Words(np.where(root, trace % 5_000, -1).astype(np.int32), people)
    sessions = [f"session-{one:016x}" for one in scramble(np.unique(trace)).tolist()]
    columns.session_id = Words(np.where(root, (trace - trace[0]).astype(np.int64), -1).astype(np.int32), sessions)
    columns.prompt_name = columns.prompt_version = Words.absent(size)
    return columns


def scramble(numbers: np.ndarray) -> np.ndarray:
    """Return 64-bit ids that look random, one for each number."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(29))


def main() -> None:
    random = np.random.default_rng(7)
    attribute_usage(traffic(0, 100, random), PartitionState(100))
    process = psutil.Process()
    before = process.memory_info().rss
    state, seconds, seen, corrections = PartitionState(WINDOW), [], [], 0
    for first in range(0, int(1.3 * WINDOW), BATCH):
        columns = traffic(first, BATCH, random)
        begin = time.thread_time()
        result = attribute_usage(columns, state)
        seconds.append(time.thread_time() - begin)
        seen.append(result.seen)
        corrections += result.corrections.size
    full = seconds[WINDOW // BATCH :]
    table = pa.Table.from_batches(seen)
    table = table.slice(len(table) - WINDOW)
    print(f"attribute_usage: {statistics.median(full) / BATCH * 1e6:.2f} us CPU a span, window full")
    print(f"corrections: {corrections} of {len(seconds) * BATCH} spans")
    held = process.memory_info().rss - before - sum(batch.nbytes for batch in seen)
    print(f"memory: about {held / MEGABYTE:.0f} MB resident, {state.nbytes / MEGABYTE:.0f} MB reserved")
    begin = time.thread_time()
    PartitionState(WINDOW).restore(table)
    print(f"restore {WINDOW} rows: {time.thread_time() - begin:.2f} s CPU")
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=1, use_dictionary=False)
    print(f"seen: {sink.tell() / WINDOW:.1f} bytes a span (zstd)")


if __name__ == "__main__":
    main()
