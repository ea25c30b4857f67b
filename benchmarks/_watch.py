"""What a process used while something ran: CPU seconds, memory every second, and how soon data became visible."""

import statistics
import threading
import time
import uuid
from typing import Self

import httpx
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from running import Running

EVERY_S = 1.0
POLL_S = 0.2  # each poll is a query, and takes CPU time of the process that is measured


class Watch:
    """Samples a running process from `with` to its end; a probe a second measures the way from send to query."""

    def __init__(self, running: Running, *, probe: bool = True) -> None:
        assert running.process is not None
        self._running = running
        self._process = psutil.Process(running.process.pid)
        self._probe = probe
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._sample)]
        if probe:
            self._threads.append(threading.Thread(target=self._send_probes))
        self.memory: list[int] = []
        self.visible: list[float] = []
        self.cpu_seconds = 0.0

    def __enter__(self) -> Self:
        self._cpu = self._used()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.cpu_seconds = self._used() - self._cpu

    def summary(self) -> str:
        """Return memory and visibility for a person."""
        quarter = max(1, len(self.memory) // 4)
        first, last = statistics.median(self.memory[quarter : 2 * quarter] or self.memory), max(self.memory[-quarter:])
        text = f"resident memory: peak {max(self.memory) / 1e6:.0f} MB, second quarter {first / 1e6:.0f} MB, "
        text += f"end {last / 1e6:.0f} MB"
        if self.visible:
            seen = sorted(self.visible)
            text += f"\nsend to visible in a query: p50 {seen[len(seen) // 2]:.2f} s, "
            text += f"p99 {seen[round(0.99 * (len(seen) - 1))]:.2f} s over {len(seen)} probes"
        return text

    def _used(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def _sample(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.memory.append(self._process.memory_info().rss)

    def _send_probes(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self._ended.wait(EVERY_S):
                trace = uuid.uuid4()
                begun = time.perf_counter()
                client.post(
                    f"{self._running.otlp}/v1/traces",
                    content=_probe(trace.bytes),
                    headers={"content-type": "application/x-protobuf"},
                ).raise_for_status()
                recent = "toDate(received_at) >= today() - 1 AND end_time > now() - INTERVAL 15 SECOND"
                query = f"count() FROM span_rows WHERE {recent} AND service_name = 'probe' AND trace_id = '{trace.hex}'"
                while not self._running.one(query):
                    if time.perf_counter() - begun > 30:
                        break
                    time.sleep(POLL_S)
                self.visible.append(time.perf_counter() - begun)


def _probe(trace_id: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    name = resource.resource.attributes.add(key="service.name")
    name.value.string_value = "probe"
    now = time.time_ns()
    span = resource.scope_spans.add().spans.add(trace_id=trace_id, span_id=trace_id[:8], name="probe")
    span.start_time_unix_nano, span.end_time_unix_nano = now - 1_000_000, now
    return request.SerializeToString()
