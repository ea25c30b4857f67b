"""`spanpulse import` while `up` processes at the same time: spans/s from the start of the command until all are stored.

    python benchmarks/bench_import.py [json] [proto] [csv] [parquet]

Files are of generated spans, 512 a line or message as the Collector's file exporter writes them, ids all different; or
tables of calls, a row each, as people keep them.
"""

import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from oracle.otlp_json import otlp_json
from running import Running
from spanpulse_stream.traffic import LoadGenerator

SPANS = 491_520
POOL = 8
ID = re.compile(rb'"(?:traceId|spanId|parentSpanId)":"(?=[0-9a-f]{16})')
OWN_DIGITS = 8  # of an id, which say which request it is of


def json_lines(load: LoadGenerator, requests: int) -> Iterator[bytes]:
    """Yield requests as lines of JSON: a pool of them, with other ids each time."""
    texts = [bytearray(otlp_json(load.request(time.time_ns()), "traces")) for _ in range(POOL)]
    places = [[match.end() for match in ID.finditer(text)] for text in texts]
    for number in range(requests):
        text, own = texts[number % POOL], b"%0*x" % (OWN_DIGITS, number + 1)
        for place in places[number % POOL]:
            text[place : place + OWN_DIGITS] = own
        yield bytes(text) + b"\n"


def delimited(load: LoadGenerator, requests: int) -> Iterator[bytes]:
    """Yield requests in protobuf, each behind its length."""
    for _ in range(requests):
        body = load.request(time.time_ns())
        yield len(body).to_bytes(4, "big") + body


def rows(load: LoadGenerator, requests: int) -> Iterator[tuple[datetime, float, str, int, int, str, str]]:
    """Yield calls of a table: when, ms, model, tokens in and out, user, status."""
    begin = datetime.now(UTC) - timedelta(hours=1)
    for number in range(requests * load.spans_per_request):
        when, model = begin + timedelta(milliseconds=number), f"gpt-5-{number % 4}"
        yield when, number % 4000 + 0.5, model, number % 3000, number % 700, f"user-{number % 5000}", "ok"


def csv_file(load: LoadGenerator, requests: int) -> Iterator[bytes]:
    """Yield lines of CSV."""
    yield ",".join(COLUMNS).encode() + b"\n"
    for when, *others in rows(load, requests):
        yield ",".join([when.isoformat(), *map(str, others)]).encode() + b"\n"


def parquet_file(load: LoadGenerator, requests: int) -> Iterator[bytes]:
    """Yield a Parquet file."""
    out = io.BytesIO()
    columns = list(zip(*rows(load, requests), strict=True))
    pq.write_table(pa.table(dict(zip(COLUMNS, map(list, columns), strict=True))), out)
    yield out.getvalue()


COLUMNS = ("timestamp", "latency_ms", "model", "prompt_tokens", "completion_tokens", "user", "status")
KINDS: dict[str, Callable[[LoadGenerator, int], Iterator[bytes]]] = {
    "json": json_lines,
    "proto": delimited,
    "csv": csv_file,
    "parquet": parquet_file,
}


def measure(folder: Path, kinds: list[str] | None = None) -> None:
    """Print the figures of each kind of file."""
    for kind in kinds or KINDS:
        load, place = LoadGenerator(7), folder / kind
        place.mkdir()
        warm, file = place / "warm", place / "spans"
        write(warm, KINDS[kind](load, 16))
        write(file, KINDS[kind](load, SPANS // load.spans_per_request))
        with Running(place) as running:
            run(warm, running)
            running.drain()
            assert running.process is not None
            served = psutil.Process(running.process.pid)
            before, begun = cpu(served), time.perf_counter()
            spent = run(file, running)
            taken = time.perf_counter() - begun
            running.drain()
            drained = time.perf_counter() - begun
            found = running.one("count() FROM span_rows") - 16 * load.spans_per_request
            print(f"{kind}: {file.stat().st_size / SPANS:.0f} bytes a span, {SPANS} spans, {found} stored")
            print(
                f"  {SPANS / drained:.0f} spans/s until all are stored; the command took {taken:.1f} s of {drained:.1f}"
            )
            of_up = cpu(served) - before
            print(f"  CPU a span: {spent / SPANS * 1e6:.0f} us of the command, {of_up / SPANS * 1e6:.0f} us of up")


def write(path: Path, parts: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(parts)


def run(file: Path, running: Running) -> float:
    """Import a file as a person does and return the CPU seconds that the command took."""
    command = [sys.executable, "-m", "spanpulse", "import", str(file), "--data", str(running.data)]
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    spent = 0.0
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        spent = cpu(process)
        time.sleep(0.05)
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, output
    return spent


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="spanpulse-bench-") as folder:
        measure(Path(folder), sys.argv[1:])


if __name__ == "__main__":
    main()
