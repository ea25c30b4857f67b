"""Seconds and memory of rebuild, audit and reprice of a day of N spans (default 10 million), without load.

    python benchmarks/bench_rebuild.py [MILLIONS]

Half a million spans are written by the steps; copies of them fill the day, each at offsets and times of its own.
"""

import asyncio
import resource
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from pipeline_running import versions
from spanpulse_sinks.clickhouse import BatchWriter, EmbeddedConfig, EmbeddedDatabase, Retention, workbench
from spanpulse_stream.embedded import EmbeddedProcess
from spanpulse_stream.pipeline import Incoming, PartitionSteps, PriceBooks, Tools
from spanpulse_stream.process import tame_memory
from spanpulse_stream.settings import Settings
from spanpulse_stream.traffic import LoadGenerator

MESSAGES = 1024
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = str(START.date())


def fill(folder: Path, copies: int) -> None:
    """Write the spans of a day, and copy them with what the batches say of them."""
    load, start = LoadGenerator(1), int(START.timestamp() * 1000)
    with EmbeddedDatabase.open(folder / "database", EmbeddedConfig(retention=Retention(3650, 3650, 3650))) as database:
        books = PriceBooks(None, folder / "prices")
        steps = PartitionSteps(1, Tools(database, BatchWriter(database), books, lambda *_: None, 1))
        slot = 86_000_000 // copies // 60_000 * 60_000  # whole minutes
        step = slot // MESSAGES
        for first in range(0, MESSAGES, 16):
            times = [(offset, start + offset * step) for offset in range(first, first + 16)]
            batch = [Incoming(o, at, "default", "traces", 512, load.request(at * 1_000_000)) for o, at in times]
            steps.write(steps.compute(batch, versions(books, 500_000)))
        with workbench(database) as bench:
            for copy in range(1, copies):
                _copy(bench.command, copy * MESSAGES, copy * slot)


def _copy(command: Any, offsets: int, milliseconds: int) -> None:
    moved = f"received_at + toIntervalMillisecond({milliseconds}) AS received_at"
    first = f"log_offset + {offsets} AS log_offset, {moved}"
    times = f"start_time + toIntervalMillisecond({milliseconds}) AS start_time"
    times += f", end_time + toIntervalMillisecond({milliseconds}) AS end_time"
    small = "SETTINGS min_insert_block_size_bytes = 134217728, min_insert_block_size_rows = 250000, max_threads = 1"
    below = f"WHERE log_source = 1 AND log_offset < {MESSAGES}"
    command(f"INSERT INTO span_rows SELECT * REPLACE ({first}, {times}) FROM (SELECT * FROM span_rows {below}) {small}")
    command(f"INSERT INTO seen SELECT * REPLACE ({first}) FROM (SELECT * FROM seen {below}) {small}")
    command(
        f"INSERT INTO batches SELECT * REPLACE (first_offset + {offsets} AS first_offset, last_offset + {offsets} AS"
        f" last_offset, {moved}, minute + toIntervalSecond({milliseconds // 1000}) AS minute)"
        f" FROM (SELECT * FROM batches WHERE last_offset < {MESSAGES})"
    )


async def measure(folder: Path) -> None:
    settings = Settings(data=folder, retention_spans_days=3650, retention_rollups_days=3650, disk_floor_bytes=0)
    process = await EmbeddedProcess.start(settings, listen=False)
    period = {"from": DAY, "to": DAY}
    try:
        for name, more in (("rebuild", {}), ("audit", {}), ("reprice", {"model": "gpt-4o-mini", "dry_run": True})):
            begun, worked = time.monotonic(), time.process_time()
            report = await process.maintenance.run(name, {**period, **more}, lambda _progress: None, threading.Event())
            took, cpu = time.monotonic() - begun, time.process_time() - worked
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            found = [each for each in report.get("findings", []) if each["check"] == "rollups"]
            spans = [each.get("spans") for each in report["days"] if isinstance(each, dict)]
            used = f"{took:6.1f} s, CPU {cpu:6.1f} s, peak {peak:.2f} GB"
            print(f"{name:8} {spans} spans, {used}, rollups that differ: {len(found)}")
    finally:
        await process.stop()


def main() -> None:
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    tame_memory()
    with tempfile.TemporaryDirectory(prefix="spanpulse-bench-") as folder:
        fill(Path(folder), max(1, round(millions * 1e6 / (MESSAGES * 512))))
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
