"""The thread that finishes calls: it loses none, holds no more than it may, and lives on after a fork."""

import os
import threading
import time

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from spanpulse._calls import Call, Finisher
from spanpulse._calls import _finish as finishing
from spanpulse._shapes import CHAT_COMPLETIONS

CALLS, THREADS = 300, 6


class Ended(SpanProcessor):
    """Keeps spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
def begin(ended: Ended) -> "object":
    provider = TracerProvider()
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("test")
    return lambda finisher: Call(tracer.start_span("chat"), CHAT_COMPLETIONS, finisher.put)


def test_every_call_ends_once_with_its_own_time(ended: Ended, begin: "object") -> None:
    told: list[Call] = []
    finisher = Finisher(told.append)

    def run() -> None:
        for _ in range(CALLS):
            call = begin(finisher)  # type: ignore[operator]
            call.end()
            call.end(ValueError("too late"))

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert finisher.flush(10)
    assert len(told) == len(ended.spans) == CALLS * THREADS
    assert {call.error for call in told} == {None}
    assert sorted(call.ended_ns for call in told) == sorted(span.end_time or 0 for span in ended.spans)


def test_a_call_that_cannot_be_read_still_ends(ended: Ended, begin: "object", caplog: pytest.LogCaptureFixture) -> None:
    def tell(_call: Call) -> None:
        raise KeyError("odd")

    finisher = Finisher(tell)
    for _ in range(3):
        begin(finisher).end()  # type: ignore[operator]
    assert finisher.flush(10)
    assert len(ended.spans) == 3
    assert sum("could not be read" in record.message for record in caplog.records) == 1, "it is said once"


def test_what_waits_is_bounded_and_spans_are_kept(
    ended: Ended, begin: "object", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finishing, "MOST_BYTES", 10_000)
    go, held = threading.Event(), list[int]()

    def tell(call: Call) -> None:
        go.wait(10)
        held.append(len(call.request))

    finisher = Finisher(tell)
    for _ in range(20):
        call = begin(finisher)  # type: ignore[operator]
        call.request = b"x" * 1_000
        call.end()
    go.set()
    assert finisher.flush(10)
    assert len(ended.spans) == 20
    assert finisher.without_content == held.count(0) > 0
    assert held.count(1_000) >= 10


def test_flush_tells_when_it_took_too_long(begin: "object") -> None:
    go = threading.Event()
    finisher = Finisher(lambda _call: go.wait(10) and None)
    begin(finisher).end()  # type: ignore[operator]
    begun = time.monotonic()
    assert not finisher.flush(0.2)
    assert time.monotonic() - begun < 5
    go.set()
    assert finisher.flush(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_begins_with_nothing_and_finishes_its_own(begin: "object") -> None:
    told: list[Call] = []
    finisher = Finisher(told.append)
    begin(finisher).end()  # type: ignore[operator]
    assert finisher.flush(10)
    child = os.fork()
    if child == 0:
        told.clear()
        begin(finisher).end()  # type: ignore[operator]
        os._exit(0 if finisher.flush(10) and len(told) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
