"""CPU of the receiver per request of 512 spans (870 KB), by itself and over a socket, with a log that only counts.

Run: python benchmarks/bench_gateway.py
"""

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import gzip

from oracle.otlp_json import otlp_json
from otlp.requests import resource_spans, span, traces
from otlp.serving import listening
from spanpulse_stream.decode import Limits, warm_up
from spanpulse_stream.gateway import Message, RequestLimits
from spanpulse_stream.gateway._intake import Sender, prepare
from spanpulse_stream.gateway._limits import Budget

SPANS = 512
TEXT = "The quick brown fox jumps over the lazy dog and thinks about tokens. "
REQUESTS = 200


class CountingLog:
    def __init__(self) -> None:
        self.records = 0

    async def append(self, messages: Sequence[Message]) -> None:
        self.records += sum(message.records for message in messages)


def body_of(resources: int) -> bytes:
    texts = [span(number + 1, f"{number} " + TEXT * 23) for number in range(SPANS)]
    size = SPANS // resources
    return traces(
        *(
            resource_spans({"service.name": f"shop-{n}", "host.name": "h"}, texts[n * size : (n + 1) * size])
            for n in range(resources)
        )
    )


def measure_prepare(name: str, body: bytes, encoding: str = "", *, as_json: bool = False) -> None:
    limits = RequestLimits()
    taken = []
    for _ in range(30):
        with Budget(1, limits.budget, limits.most_json_bytes).open() as held:
            begun = time.thread_time()
            prepare(
                body, "traces", encoding, Sender("default", "127.0.0.1"),
                as_json=as_json, limits=limits, decoding=Limits(), partitions=4, held=held,
            )  # fmt: skip
            taken.append(time.thread_time() - begun)
    print(f"{name:<42} {statistics.median(taken) * 1e3:6.2f} ms CPU ({len(body):,} B)")


def send_all(address: str, body: bytes, waits: list[float]) -> float:
    """Send from a thread; return its CPU seconds, so that they can be taken off."""
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port))
    begun_cpu = time.thread_time()
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        waits.append(time.perf_counter() - begun)
    connection.close()
    return time.thread_time() - begun_cpu


async def measure_socket(name: str, body: bytes) -> None:
    log = CountingLog()
    waits: list[float] = []
    async with listening(log) as got:
        before = time.process_time()
        sender_cpu = await asyncio.to_thread(send_all, got.address, body, waits)
        cpu = time.process_time() - before - sender_cpu
    assert log.records == REQUESTS * SPANS
    waits.sort()
    print(f"{name:<42} {cpu / REQUESTS * 1e3:6.2f} ms CPU a request, p99 {waits[int(len(waits) * 0.99)] * 1e3:.1f} ms")


def main() -> None:
    warm_up()
    one = body_of(1)
    measure_prepare("check and cut, one resource", one)
    measure_prepare("check and cut, 16 resources", body_of(16))
    measure_prepare("check and cut, gzip", gzip.compress(one, 6), "gzip")
    measure_prepare("JSON: make protobuf, check and cut", otlp_json(one, "traces"), as_json=True)
    asyncio.run(measure_socket("over a socket", one))
    assert threading.active_count() == 1


if __name__ == "__main__":
    main()
