"""The local log: CPU and latency of durable appends, of reads, and of commits with trimming.

Run: python benchmarks/bench_log.py [FOLDER]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from spanpulse_stream.log import TOPIC, LocalLog, Message
from spanpulse_stream.traffic import LoadGenerator

MIB = 1024 * 1024
HEADERS = (("signal", b"traces"), ("tenant", b"default"), ("records", b"512"))
ROUNDS = 3


def message(body: bytes, records: int) -> Message:
    return Message(TOPIC, 0, b"key", body, HEADERS, records)


class Measure:
    """CPU seconds (of all threads) and wall seconds of what is done inside."""

    def __enter__(self) -> Self:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall


def one_by_one(log: LocalLog, messages: Sequence[Message]) -> list[float]:
    """Append each when the one before is durable; return the seconds of each."""
    took = []
    for each in messages:
        begun = time.perf_counter()
        log.append_soon([each]).result()
        took.append(time.perf_counter() - begun)
    return took


def at_once(senders: int) -> Callable[[LocalLog, Sequence[Message]], list[float]]:
    """Append with so many requests in flight, as a receiver does."""

    def run(log: LocalLog, messages: Sequence[Message]) -> list[float]:
        took: list[float] = []
        flying: list[tuple[float, Future[list[int]]]] = []
        for each in messages:
            if len(flying) == senders:
                begun, future = flying.pop(0)
                future.result()
                took.append(time.perf_counter() - begun)
            flying.append((time.perf_counter(), log.append_soon([each])))
        for begun, future in flying:
            future.result()
            took.append(time.perf_counter() - begun)
        return took

    return run


def read_all(log: LocalLog, first: int) -> int:
    size, offset = 0, first
    while records := log.read(TOPIC, 0, offset, max_messages=16, max_bytes=4 * MIB):
        size += sum(len(record.value) for record in records)
        offset = records[-1].offset + 1
    return size


def measure(folder: Path, name: str, messages: Sequence[Message], send: Callable[..., list[float]]) -> None:
    """Print the median round: the log is full from the first on, so that pages are used again."""
    size, rounds = sum(len(each.value) for each in messages) / 1e6, []
    place = folder / name.replace(" ", "-")
    log = LocalLog.open(
        place, partitions=1, max_bytes=2048 * MIB, retain_records=0, ballast_bytes=0, disk_floor_bytes=0
    )
    for _ in range(ROUNDS):
        first = log.end_offset(TOPIC, 0)
        with Measure() as appending:
            took = sorted(send(log, messages))
        with Measure() as reading:
            read_all(log, first)
        with Measure() as trimming:
            log.commit_soon(TOPIC, 0, log.end_offset(TOPIC, 0)).result()
            while log.first_offset(TOPIC, 0) < log.committed(TOPIC, 0):
                log.commit_soon(TOPIC, 0, log.committed(TOPIC, 0)).result()
        each, p50, p99 = appending.cpu / len(messages), took[len(took) // 2], took[int(len(took) * 0.99)]
        rounds.append((each * 1e3, appending.cpu / size * 1e3, size / appending.wall, p50 * 1e3, p99 * 1e3,
                       size / reading.wall, reading.cpu / size * 1e3, trimming.cpu / size * 1e3))  # fmt: skip
    log.close()
    middle = sorted(rounds)[ROUNDS // 2]
    print(f"{name:26}" + "".join(f"{figure:11.2f}" for figure in middle))


def main() -> None:
    load = LoadGenerator(1)
    large = [load.request(time.time_ns() + number * 10**9) for number in range(8)]
    print(f"{len(large[0]) // 1000} KB: an export of 512 generated spans; CPU is that of the whole process")
    heads = ("ms CPU each", "ms CPU/MB", "MB/s", "p50 ms", "p99 ms", "read MB/s", "read ms/MB", "trim ms/MB")
    print(f"{'':26}" + "".join(f"{head:>11}" for head in heads))
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        place = Path(folder)
        big = [message(large[number % 8], 512) for number in range(60)]
        small = [message(large[number % 8][:2000], 1) for number in range(1000)]
        measure(place, "870 KB one by one", big, one_by_one)
        measure(place, "870 KB 8 in flight", big, at_once(8))
        measure(place, "2 KB one by one", small[:300], one_by_one)
        measure(place, "2 KB 64 in flight", small, at_once(64))


if __name__ == "__main__":
    main()
