"""CPU of the workers per span from Kafka to ClickHouse, with 1, 2 and 4 of them, and memory while a backlog is drained.

    python benchmarks/bench_worker.py [--spans 1000000] [--workers 1 2 4] [--partitions 12] [--rounds 1]

A backlog of generated exports is put into a topic of its own for each run, as a gateway would write it (512 spans of
1.7 KB a message, zstd); then the workers are started, and from the moment when they have taken partitions until nothing
waits their CPU time is measured, apart from that of the database, which is the tests' façade before chDB, and of the
broker. All processes share this machine's cores: rates say little, CPU-seconds do.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import httpx
import psutil
from aiokafka import AIOKafkaProducer

from clickhouse_running import ClickHouse
from cluster_running import Cluster, Role
from kafka_running import Kafka
from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway import RequestLimits, Sender, messages_of
from spanpulse_stream.kafka import OwnTopics, connection
from spanpulse_stream.settings import Settings
from spanpulse_stream.traffic import LoadGenerator

BAR = 20_000
MEMORY_BAR_MB = 700
DRAIN_WITHIN_S = 1200
IN_FLIGHT = 32


class Used(NamedTuple):
    """What a run took."""

    workers: int
    spans: int
    batches: int
    seconds: float
    worker_cpu: float
    database_cpu: float
    broker_cpu: float
    shares: list[int]
    peak_mb: list[float]


async def fill(settings: Settings, spans: int, processes: int) -> int:
    """Write a backlog; returns its spans. Each process that sends has a resource, so a key, of its own."""
    load = LoadGenerator(7)
    producer = AIOKafkaProducer(
        **connection(settings, "bench"), compression_type="zstd", acks="all", max_request_size=8 << 20
    )
    await producer.start()
    written, waiting = 0, set()
    try:
        while written < spans:
            body = load.request(time.time_ns())
            sender = Sender("default", f"10.0.0.{written // load.spans_per_request % processes}")
            for message in messages_of(body, "traces", sender, limits=RequestLimits(), decoding=Limits(), partitions=1):
                key = f"{written // load.spans_per_request % processes}".encode() + message.key
                waiting.add(
                    await producer.send(
                        OwnTopics.of(settings).otlp, message.value, key=key, headers=list(message.headers)
                    )
                )
                written += message.records
            if len(waiting) > IN_FLIGHT:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return written


class Peaks:
    """The largest resident memory of each worker, looked at twice a second."""

    def __init__(self, workers: list[Role]) -> None:
        self.mb = [0.0] * len(workers)
        self._processes = [psutil.Process(role.process.pid) for role in workers if role.process]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            for place, process in enumerate(self._processes):
                self.mb[place] = max(self.mb[place], process.memory_info().rss / 1e6)


def cpu(pids: list[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def measure(cluster: Cluster, workers: int, spans: int) -> Used:
    """Fill, drain, and say what that took."""
    cluster.init()
    settings = cluster.settings
    written = asyncio.run(fill(settings, spans, 48))
    roles = [cluster.role("worker") for _ in range(workers)]
    for role in roles:
        role.start(wait=False)
    for role in roles:
        role.wait_ready()
    pids = [role.process.pid for role in roles if role.process]
    database = cluster.clickhouse.process.pid  # type: ignore[union-attr]
    broker = cluster.kafka.pid(0)
    peaks, begun = Peaks(roles), time.monotonic()
    early = cluster.one("toInt64(count()) FROM span_rows")  # they have begun before the last of them was ready
    before = cpu(pids), cpu([database]), cpu([broker])
    cluster.drain(DRAIN_WITHIN_S)
    after = cpu(pids), cpu([database]), cpu([broker])
    seconds = time.monotonic() - begun
    peaks.end()
    shares = [len(each) for each in shared(roles)]
    for role in roles:
        role.stop()
    stored = cluster.one("toInt64(count()) FROM span_rows")
    assert stored == written, f"{stored} spans are stored, {written} were written"
    used = [later - earlier for earlier, later in zip(before, after, strict=True)]
    batches = cluster.one("toInt64(count()) FROM batches")
    return Used(workers, written - early, batches, seconds, *used, shares, peaks.mb)


def shared(roles: list[Role]) -> list[list[str]]:
    """Return the partitions that each worker has, by its metrics."""
    found = []
    for role in roles:
        lines = httpx.get(f"{role.web}/metrics", timeout=10).text.splitlines()
        (line,) = [line for line in lines if line.startswith("spanpulse_kafka_partitions ")]
        found.append(["?"] * int(float(line.split()[1])))
    return found


def run(workers: int, spans: int, partitions: int) -> Used:
    """Measure with a broker and a database of its own, and print it."""
    with tempfile.TemporaryDirectory(prefix="spanpulse-bench-") as folder:
        kafka = Kafka.start(Path(folder), heap_mb=512, java_options=())
        server = ClickHouse.start(Path(folder) / "ch", options={"max_server_memory_usage": 4 << 30})
        try:
            with Cluster(Path(folder), kafka, server, {"SPANPULSE_KAFKA_PARTITIONS": str(partitions)}) as cluster:
                used = measure(cluster, workers, spans)
        finally:
            server.stop()
            kafka.stop()
    print(
        f"{used.workers} workers: {used.spans / used.worker_cpu:,.0f} spans per CPU-second of the workers (bar"
        f" {BAR:,}), {used.spans / used.seconds:,.0f} spans/s in {used.batches} batches; a million spans: workers"
        f" {used.worker_cpu / used.spans * 1e6:.1f} CPU-s, database"
        f" {used.database_cpu / used.spans * 1e6:.1f}, broker {used.broker_cpu / used.spans * 1e6:.1f}; partitions"
        f" {used.shares}; peak {[round(each) for each in used.peak_mb]} MB (bar {MEMORY_BAR_MB})",
        flush=True,
    )
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=1, help="the machine's speed varies: rounds of all, and medians")
    given = parser.parse_args()
    per_span: dict[int, list[float]] = {workers: [] for workers in given.workers}
    for _ in range(given.rounds):
        for workers in given.workers:
            used = run(workers, given.spans, given.partitions)
            per_span[workers].append(used.worker_cpu / used.spans)
    medians = {workers: statistics.median(each) for workers, each in per_span.items()}
    for workers, median in medians.items():
        ratio = median / medians[given.workers[0]]
        print(f"{workers} workers: median {median * 1e6:.1f} CPU-s a million spans, x{ratio:.2f} of the first")


if __name__ == "__main__":
    main()
