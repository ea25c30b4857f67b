"""The exporter from a span's end to its receiver: retries, losses and their counts, the end, a fork."""

import logging
import os
import threading
import time
from collections import deque

import pytest
from opentelemetry import context, metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from spanpulse._events import Event
from spanpulse._export import Batch, Refused, Unavailable, _exporter, _sender
from wrapper_ended import INSTANCE, Recording, ended, exporting, tracer_of
from wrapper_receiving import records_of, spans_of

RESOURCE = Resource(INSTANCE)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Have attempts follow each other soon."""
    monkeypatch.setattr(_sender, "FIRST_S", 0.01)
    monkeypatch.setattr(_sender, "LONGEST_S", 0.05)


def answering(*answers: Exception | None) -> Recording:
    """Return a transport that answers so, and then takes all."""
    left = deque(answers)

    def answer(_batch: Batch) -> None:
        if left and (error := left.popleft()) is not None:
            raise error

    return Recording(answer)


def counts(exporter) -> tuple[int, int, dict[str, int], int]:
    told = exporter.stats.told()
    return told["taken"], told["sent"], told["dropped"], told["waiting"]


def test_spans_and_events_arrive():
    transport = Recording()
    with exporting(lambda: transport) as exporter:
        exporter.put_span(ended(name="one"))
        exporter.put_event(Event("gen_ai.evaluation.result", 5, {"n": 1}), RESOURCE)
        assert counts(exporter) == (2, 0, {}, 2)
        assert exporter.flush(10)
        assert counts(exporter) == (2, 2, {}, 0)
    assert [span.name for each in transport.taken if each.signal == "traces" for span in spans_of(each.body)] == ["one"]
    assert [r.event_name for each in transport.taken if each.signal == "logs" for r in records_of(each.body)] == [
        "gen_ai.evaluation.result"
    ]
    assert transport.closed == 1


def test_whoever_puts_wakes_the_background():
    woken = []
    with exporting(Recording) as exporter:
        exporter._wake = lambda: woken.append(1)
        exporter.put_span(ended())
        exporter.put_event(Event("e"), RESOURCE)
    assert len(woken) == 2


def test_nothing_starts_before_there_is_something_to_send():
    with exporting(Recording) as exporter:
        assert exporter.flush(1)
        assert exporter._sender.thread is None


def test_what_is_unavailable_is_sent_again_as_it_was():
    transport = answering(Unavailable("a"), Unavailable("b"), Unavailable("c"))
    with exporting(lambda: transport) as exporter:
        exporter.put_span(ended())
        assert exporter.flush(10)
        assert counts(exporter) == (1, 1, {}, 0)
        assert exporter.stats.retries == 3
    assert len({id(batch) for batch in transport.tried}) == 1


def test_a_receiver_that_names_a_time_is_not_asked_before():
    transport = answering(Unavailable("busy", 0.3))
    with exporting(lambda: transport) as exporter:
        exporter.put_span(ended())
        begun = time.monotonic()
        assert exporter.flush(10)
        assert time.monotonic() - begun >= 0.3


def test_a_refused_batch_is_dropped_counted_and_said_once(caplog):
    transport = answering(Refused("http 400", "no such tenant"), Refused("http 400", "no such tenant"))
    with caplog.at_level(logging.WARNING, "spanpulse"), exporting(lambda: transport) as exporter:
        for _ in range(3):
            exporter.put_span(ended())
            assert exporter.flush(10)
        assert counts(exporter) == (3, 1, {"http 400": 2}, 0)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "spans are dropped, and counted (http 400: no such tenant)",
        "2 spans and events were dropped (http 400: 2), 1 were sent",
    ]


def test_of_a_batch_that_is_taken_in_part_only_the_rest_is_dropped():
    transport = answering(Refused("rejected", "unreadable", 2))
    with exporting(lambda: transport) as exporter:
        found = []
        tracer = tracer_of(found.append)
        for _ in range(5):
            with tracer.start_as_current_span("s"):
                pass
        for span in found:
            exporter.put_span(span)
        assert exporter.flush(10)
        assert counts(exporter) == (5, 3, {"rejected": 2}, 0)


def test_a_transport_that_cannot_be_made_loses_a_batch_after_some_attempts(caplog):
    def make():
        raise ImportError("No module named 'aiokafka'")

    with exporting(make) as exporter:
        exporter.put_span(ended())
        assert exporter.flush(10)
        assert counts(exporter) == (1, 0, {"ImportError": 1}, 0)
    assert "aiokafka" in caplog.text


def test_a_transport_that_breaks_is_made_anew():
    transport = answering(RuntimeError("broken"))
    made = []
    with exporting(lambda: made.append(1) or transport) as exporter:
        exporter.put_span(ended())
        assert exporter.flush(10)
        assert counts(exporter) == (1, 1, {}, 0)
    assert len(made) == 2


def test_what_there_is_no_room_for_is_counted_and_said(monkeypatch, caplog):
    monkeypatch.setattr(_exporter, "MOST_ENDED", 3)
    with exporting(Recording) as exporter:
        for _ in range(5):
            exporter.put_span(ended())
            exporter.put_event(Event("e"), RESOURCE)
        assert exporter.flush(10)
        assert counts(exporter) == (10, 6, {"queue_full": 4}, 0)
        exporter.put_span(ended())
        assert exporter.flush(10)
        assert counts(exporter) == (11, 7, {"queue_full": 4}, 0)
    assert caplog.text.count("queue_full)") == 1


def test_a_queue_that_is_full_drops_the_newest_and_holds_no_more():
    release = threading.Event()
    transport = Recording(lambda _: release.wait(30))
    with exporting(lambda: transport, queue_bytes=20_000) as exporter:
        for number in range(100):
            exporter.put_span(ended({"text": "x" * 1_000}, resource={"host.name": f"h{number}"}))
            exporter.pump()
            assert exporter.stats.told()["waiting_bytes"] <= 20_000
        taken, sent, dropped, waiting = counts(exporter)
        assert (taken, sent) == (100, 0)
        assert dropped["queue_full"] + waiting == 100
        assert 10 < waiting < 20
        release.set()
        assert exporter.flush(10)
        assert counts(exporter) == (100, waiting, dropped, 0)


def test_what_is_left_at_the_end_is_counted(caplog):
    transport = Recording(lambda _: (_ for _ in ()).throw(Unavailable("away")))
    with exporting(lambda: transport) as exporter:
        for _ in range(4):
            exporter.put_span(ended())
        assert not exporter.shutdown(0.2)
        assert counts(exporter) == (4, 0, {"shutdown": 4}, 0)
        exporter.put_span(ended())
        exporter.pump()
        assert counts(exporter) == (5, 0, {"shutdown": 5}, 0)
        assert exporter.shutdown(0.2)
    assert "4 spans and events were dropped (shutdown: 4), 0 were sent" in caplog.text


def test_a_batch_under_way_at_the_end_is_counted_once():
    release = threading.Event()
    transport = Recording(lambda _: release.wait(30))
    with exporting(lambda: transport) as exporter:
        exporter.put_span(ended())
        exporter.shutdown(0.1)
        release.set()
        exporter._sender.thread.join(10)
        assert counts(exporter) == (1, 0, {"shutdown": 1}, 0)


def test_what_memory_cannot_hold_and_what_is_left_goes_through_the_folder(tmp_path):
    away = Recording(lambda _: (_ for _ in ()).throw(Unavailable("away")))
    told = {"spill_dir": str(tmp_path), "queue_bytes": 10_000}
    with exporting(lambda: away, **told) as exporter:
        for number in range(50):
            exporter.put_span(ended({"n": number, "text": "x" * 1_000}, resource={"host.name": f"h{number}"}))
            exporter.pump()
        assert not exporter.shutdown(0.1)
        assert counts(exporter) == (50, 0, {}, 50)
        assert exporter.stats.told()["spilled"] == 50
    back = Recording()
    with exporting(lambda: back, **told) as exporter:
        exporter.put_span(ended({"n": 50}))
        assert exporter.flush(10)
        until(lambda: counts(exporter) == (51, 51, {}, 0))
    numbers = [span.attributes[0].value.int_value for each in back.taken for span in spans_of(each.body)]
    assert sorted(numbers) == list(range(51))
    assert [number for number in numbers if number != 50] == list(range(50))
    assert list(tmp_path.iterdir()) == []


def test_a_flush_gives_up_in_time():
    release = threading.Event()
    transport = Recording(lambda _: release.wait(30))
    with exporting(lambda: transport) as exporter:
        exporter.put_span(ended())
        begun = time.monotonic()
        assert not exporter.flush(0.2)
        assert 0.15 < time.monotonic() - begun < 5
        release.set()


def test_the_sender_that_flushes_does_not_wait_for_itself():
    said = []
    with exporting(lambda: transport) as exporter:
        transport = Recording(lambda _: said.append(exporter.flush(30)))
        exporter.put_span(ended())
        assert exporter.flush(10)
    assert said == [False]


def test_instrumentations_are_told_to_leave_the_sender_alone():
    seen = []
    with exporting(lambda: transport) as exporter:
        transport = Recording(lambda _: seen.append(context.get_current()))
        exporter.put_span(ended())
        assert exporter.flush(10)
    for key in ("suppress_instrumentation", context._SUPPRESS_INSTRUMENTATION_KEY, "suppress_http_instrumentation"):
        assert context.get_value(key, seen[0]) is True
        assert context.get_value(key) is None


def test_a_child_starts_with_nothing_and_sends_its_own():
    release = threading.Event()
    with exporting(lambda: Recording(lambda _: release.wait(30))) as exporter:
        for _ in range(3):
            exporter.put_span(ended())
        exporter.pump()
        exporter.put_span(ended())
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            release.set()
            before = counts(exporter)
            exporter.put_span(ended())
            done = exporter.flush(10)
            os.write(writing, repr((before, done, counts(exporter))).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 1000).decode() == repr(((0, 0, {}, 0), True, (1, 1, {}, 0)))
        os.close(reading)
        os.close(writing)
        release.set()
        assert exporter.flush(10)
        assert counts(exporter) == (4, 4, {}, 0)


def test_an_exporter_that_is_gone_is_gone():
    import gc  # noqa: PLC0415
    import weakref  # noqa: PLC0415

    with exporting(Recording) as exporter:
        gone = weakref.ref(exporter)
    del exporter
    gc.collect()
    assert gone() is None


def test_metrics_tell_what_was_sent_dropped_and_waits(monkeypatch):
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    transport = answering(None, Refused("http 400"))
    with exporting(lambda: transport) as exporter:
        for _ in range(2):
            exporter.put_span(ended())
            assert exporter.flush(10)
        exporter.put_span(ended())
        exporter.put_event(Event("e"), RESOURCE)
        assert exporter.flush(10)
        exporter.put_span(ended())
        found = points(reader)
        assert found["otel.sdk.exporter.span.exported", "otlp_http_span_exporter", None] == 2
        assert found["otel.sdk.exporter.span.exported", "otlp_http_span_exporter", "http 400"] == 1
        assert found["otel.sdk.exporter.log.exported", "otlp_http_log_exporter", None] == 1
        assert found["otel.sdk.exporter.span.inflight", "otlp_http_span_exporter", None] == 1
    provider.shutdown()


def points(reader):
    data = reader.get_metrics_data()
    return {
        (metric.name, point.attributes["otel.component.type"], point.attributes.get("error.type")): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("answer", [None, Unavailable("away")])
def test_at_the_end_of_a_process_without_new_threads_whoever_flushes_sends(monkeypatch, answer):
    def refuse(_thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    transport = Recording(lambda _: (_ for _ in ()).throw(answer) if answer else None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with exporting(lambda: transport, within=0.2) as exporter:
        exporter.put_span(ended())
        exporter.pump()
        exporter.put_span(ended())
        assert exporter.flush(0.3) == (answer is None)
        assert context.get_value("suppress_instrumentation") is None
        exporter.shutdown(0.1)
        assert counts(exporter) == ((2, 2, {}, 0) if answer is None else (2, 0, {"shutdown": 2}, 0))
