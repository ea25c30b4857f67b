"""The sender as a process of its own: paced or as fast as it is answered.

    python benchmarks/_load.py ADDRESS --spans-per-second 14000 --seconds 60 [--unique] [--at-once 8]

Prints one JSON object: what became of the requests, and their latencies in seconds.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator

import zstandard

from spanpulse_stream.traffic import LoadGenerator, Outgoing, Sender


def requests(load: LoadGenerator, rate: float, seconds: float, most: int) -> Iterator[Outgoing]:
    """Yield requests until the time is over or ``most`` were made; ``rate`` 0 means as fast as they are taken."""
    begun = time.perf_counter()
    for number in range(most):
        due = number * load.spans_per_request / rate if rate else 0.0
        if max(due, time.perf_counter() - begun) >= seconds:
            return
        yield Outgoing("traces", load.request(time.time_ns()), load.spans_per_request, due)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--spans-per-second", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--at-once", type=int, default=8)
    given = parser.parse_args()
    load = LoadGenerator(seed=time.time_ns() % 10_000, unique=given.unique)
    begun, cpu = time.perf_counter(), time.process_time()
    sender = Sender(given.address, at_once=given.at_once)
    report = asyncio.run(sender.send(requests(load, given.spans_per_second, given.seconds, given.most)))
    found = {
        "spans": report.acknowledged_records,
        "requests": report.acknowledged,
        "refused": report.refused,
        "failed": report.failed,
        "retries": report.retries,
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
        "p50": report.percentile(0.5),
        "p99": report.percentile(0.99),
        "bytes_per_span": load.bytes_per_span,
        "compression_ratio": compression_ratio(load.texts()),
    }
    print(json.dumps(found))


def compression_ratio(texts: bytes) -> float:
    """Return how much zstd (level 3) shrinks the texts, so that measured bytes on disk mean something."""
    return len(texts) / len(zstandard.ZstdCompressor(level=3).compress(texts))


if __name__ == "__main__":
    main()
