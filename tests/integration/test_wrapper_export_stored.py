"""The exporter before a real `spanpulse up`: every span is stored once, also when it is killed and comes back."""

import threading
from pathlib import Path

import pytest

from logs import wait_until
from running import Running
from spanpulse._export import Exporter, transport_of
from spanpulse._privacy import Content
from spanpulse._settings import Settings
from wrapper_ended import INSTANCE, tracer_of

THREADS = 4
EACH = 200
QUEUE_BYTES = 600_000


def exporter_to(running: Running, protocol: str, spill_dir: str = "") -> Exporter:
    address = running.addresses["otlp_grpc" if protocol == "grpc" else "otlp_http"]
    settings = Settings.read(
        {},
        exporter="otlp",
        endpoint=f"http://{address}",
        protocol=protocol,
        queue_bytes=QUEUE_BYTES,
        spill_dir=spill_dir,
        timeout=5.0,
    )
    return Exporter(transport_of(settings), settings, Content(), lambda: None)


def spans_in_threads(exporter: Exporter, service: str, each: int = EACH) -> None:
    """End spans of a service in several threads, while they are encoded."""
    tracer = tracer_of(exporter.put_span, "tests", {**INSTANCE, "service.name": service})

    def work() -> None:
        for number in range(each):
            told = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1, "note": "x" * 300}
            with tracer.start_as_current_span(f"chat {number}", attributes=told):
                pass

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        exporter.pump()
    for thread in threads:
        thread.join()
    exporter.pump()


def stored(running: Running, service: str) -> tuple[int, int]:
    """Return how many spans of a service are stored, and how many different ones."""
    (row,) = running.sql(
        f"SELECT count() AS n, uniqExact(trace_id, span_id) AS u FROM spans WHERE service_name = '{service}'"
    )
    return int(row["n"]), int(row["u"])


@pytest.mark.slow
def test_spans_are_stored_once_whatever_happens_to_the_receiver(tmp_path: Path) -> None:
    running = Running(tmp_path).start()
    try:
        ports = {name.replace("_", "-"): int(str(at).rpartition(":")[2]) for name, at in running.addresses.items()}
        exporters = {protocol: exporter_to(running, protocol) for protocol in ("http/protobuf", "grpc")}
        for protocol, exporter in exporters.items():
            spans_in_threads(exporter, protocol)
            assert exporter.flush(60)
            assert exporter.stats.told()["sent"] == THREADS * EACH
        running.drain()
        for protocol in exporters:
            assert stored(running, protocol) == (THREADS * EACH, THREADS * EACH)

        running.kill()
        for protocol, exporter in exporters.items():
            spans_in_threads(exporter, protocol, EACH * 4)
            assert exporter.stats.told()["waiting_bytes"] <= QUEUE_BYTES
        running.start(ports=ports)
        for exporter in exporters.values():
            assert exporter.flush(60)
            told = exporter.stats.told()
            assert told["taken"] == THREADS * EACH * 5
            assert told["dropped"]["queue_full"] == told["taken"] - told["sent"] > 0
            assert exporter.shutdown(10)
        running.drain()
        for protocol, exporter in exporters.items():
            assert stored(running, protocol) == (exporter.stats.told()["sent"],) * 2
    finally:
        running.kill()


@pytest.mark.slow
def test_what_a_process_leaves_in_its_folder_is_stored_once_by_the_next(tmp_path: Path) -> None:
    running = Running(tmp_path).start()
    try:
        ports = {name.replace("_", "-"): int(str(at).rpartition(":")[2]) for name, at in running.addresses.items()}
        folder = str(tmp_path / "spill")
        running.kill()
        first = exporter_to(running, "http/protobuf", folder)
        spans_in_threads(first, "spilled", EACH * 4)
        assert first.stats.told()["waiting_bytes"] <= QUEUE_BYTES
        assert not first.shutdown(0.5)
        left = first.stats.told()
        assert (left["taken"], left["dropped"], left["sent"]) == (THREADS * EACH * 4, {}, 0)

        running.start(ports=ports)
        second = exporter_to(running, "http/protobuf", folder)
        spans_in_threads(second, "spilled", 1)  # what wakes it
        wait_until(lambda: second.stats.told()["sent"] == THREADS * (EACH * 4 + 1))
        assert second.shutdown(10)
        running.drain()
        assert stored(running, "spilled") == (THREADS * (EACH * 4 + 1),) * 2
    finally:
        running.kill()
