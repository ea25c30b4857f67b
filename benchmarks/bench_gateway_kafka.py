"""CPU of the gateway per span where it answers only after Kafka acknowledged, and how long requests take.

    python benchmarks/bench_gateway_kafka.py [--rounds 3] [--seconds 15] [--compression none zstd] [--rate SPANS]

The gateway, the broker and the sender are a process each, on loopback. First as fast as requests are answered, then
at 70 % of that rate, or only at ``--rate``. Texts never repeat, as they would compress too well otherwise.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import httpx
import psutil

from kafka_running import Kafka, make_topic

CHILD = Path(__file__).parent.parent / "tests" / "gateway_child.py"
PARTITIONS = 12


class Used(NamedTuple):
    spans_per_cpu_second: float
    broker_cpu_share: float
    spans_per_second: float
    p50: float
    p99: float
    resident: int


@contextmanager
def gateway(kafka: Kafka, compression: str) -> Iterator[tuple[str, psutil.Process]]:
    """Run the gateway on a new topic; gives its address."""
    prefix = f"bench-{time.time_ns()}"
    asyncio.run(make_topic(kafka, PARTITIONS, name=f"{prefix}.otlp", max_message_bytes=str(8 << 20)))
    settings = {"kafka_brokers": kafka.bootstrap, "kafka_topic_prefix": prefix, "kafka_compression": compression}
    command = [sys.executable, str(CHILD), json.dumps(settings)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdin
        otlp, _, web = [process.stdout.readline().decode().strip() for _ in range(3)]
        for _ in range(200):
            if httpx.get(f"http://{web}/readyz").is_success:
                break
            time.sleep(0.1)
        yield otlp, psutil.Process(process.pid)
        process.stdin.close()


def load(address: str, seconds: float, rate: float) -> dict[str, Any]:
    script = Path(__file__).with_name("_load.py")
    command = [sys.executable, str(script), f"http://{address}", "--seconds", str(seconds), "--unique"]
    command += ["--spans-per-second", str(rate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds * 4 + 120)
    found: dict[str, Any] = json.loads(done.stdout)
    assert not found["refused"] + found["failed"], found
    return found


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def measure(kafka: Kafka, address: str, process: psutil.Process, seconds: float, rate: float) -> Used:
    broker = psutil.Process(kafka.pid(0))
    before, broker_before = cpu(process), cpu(broker)
    sent = load(address, seconds, rate)
    used, broker_used = cpu(process) - before, cpu(broker) - broker_before
    return Used(
        sent["spans"] / used, broker_used / used, sent["spans"] / sent["seconds"], sent["p50"], sent["p99"],
        process.memory_info().rss,
    )  # fmt: skip


def report(name: str, rounds: list[Used]) -> None:
    median = Used(*(statistics.median(values) for values in zip(*rounds, strict=True)))
    print(
        f"{name:<22} {median.spans_per_cpu_second:9,.0f} spans per CPU-second of the gateway, "
        f"{median.spans_per_second:8,.0f} spans/s, p50 {median.p50 * 1e3:.0f} ms, p99 {median.p99 * 1e3:.0f} ms, "
        f"broker {median.broker_cpu_share:.2f} of its CPU, resident {median.resident / 1e6:.0f} MB"
    )
    print(f"{'':<22} rounds: " + ", ".join(f"{used.spans_per_cpu_second:,.0f}" for used in rounds), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--compression", nargs="+", default=["none", "zstd"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Kafka.start(Path(folder), heap_mb=512, java_options=()) as kafka:
        for compression in given.compression:
            print(f"load average {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores")
            with gateway(kafka, compression) as (address, process):
                load(address, 5.0, 10_000)  # the broker's compiler warms up
                fast = [measure(kafka, address, process, given.seconds, given.rate) for _ in range(given.rounds)]
                report(f"{compression}, rate {given.rate or 'any'}", fast)
                if not given.rate:
                    rate = 0.7 * statistics.median(used.spans_per_second for used in fast)
                    slower = [measure(kafka, address, process, given.seconds, rate) for _ in range(given.rounds)]
                    report(f"{compression}, 70 %", slower)


if __name__ == "__main__":
    main()
