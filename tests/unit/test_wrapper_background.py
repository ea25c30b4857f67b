"""The thread that finishes calls: it loses none, holds no more than it may, and lives on after a fork."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from types import FrameType

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from spanpulse import _background, _log
from spanpulse._background import Background
from spanpulse._calls import Call
from spanpulse._shapes import CHAT_COMPLETIONS

CALLS, THREADS = 300, 6


class Ended(SpanProcessor):
    """Keeps spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class Told:
    """Hears of calls in a thread of its own, and tells them by ``tell``."""

    def __init__(self, tell: Callable[[Call], object]) -> None:
        self.background = Background(every=0.05)
        self.ended = self.background.put
        self._tell = tell

    def tell(self, call: Call) -> None:
        self._tell(call)


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
def begin(ended: Ended) -> Callable[[Told], Call]:
    provider = TracerProvider()
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("test")
    return lambda told: Call(tracer.start_span("chat"), CHAT_COMPLETIONS, told)


def test_every_call_ends_once_with_its_own_time(ended: Ended, begin: Callable[[Told], Call]) -> None:
    heard: list[Call] = []
    told = Told(heard.append)

    def run() -> None:
        for _ in range(CALLS):
            call = begin(told)
            call.end()
            call.end(ValueError("too late"))

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.background.flush(10)
    assert len(heard) == len(ended.spans) == CALLS * THREADS
    assert {call.error for call in heard} == {""}
    assert sorted(call.ended_ns for call in heard) == sorted(span.end_time or 0 for span in ended.spans)


def test_a_call_that_cannot_be_read_still_ends(
    ended: Ended, begin: Callable[[Told], Call], caplog: pytest.LogCaptureFixture
) -> None:
    def tell(_call: Call) -> None:
        raise KeyError("odd")

    told = Told(tell)
    for _ in range(3):
        begin(told).end()
    assert told.background.flush(10)
    assert len(ended.spans) == 3
    assert sum("could not be read" in record.message for record in caplog.records) == 1, "it is said once"


def test_what_waits_is_bounded_and_spans_are_kept(
    ended: Ended, begin: Callable[[Told], Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_background, "MOST_BYTES", 10_000)
    go, held = threading.Event(), list[int]()

    def tell(call: Call) -> None:
        go.wait(10)
        held.append(len(call.request))

    told = Told(tell)
    for _ in range(20):
        call = begin(told)
        call.request = b"x" * 1_000
        call.end()
    go.set()
    assert told.background.flush(10)
    assert len(ended.spans) == 20
    assert told.background.forgotten == held.count(0) > 0
    assert held.count(1_000) >= 10


def test_there_is_a_bound_where_nothing_is_finished_any_more(
    ended: Ended, begin: Callable[[Told], Call], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_background, "MOST_WAITING", 5)
    monkeypatch.setattr(_background, "MOST_AT_ALL", 10)
    monkeypatch.setattr(_log, "_said", set())
    go = threading.Event()
    told = Told(lambda _call: go.wait(10))
    for _ in range(30):
        begin(told).end()
    assert told.background.lost >= 19
    assert any("some are lost" in record.message for record in caplog.records)
    go.set()
    assert told.background.flush(10)
    assert len(ended.spans) == 30 - told.background.lost


class Nothing:
    """An ending that is none."""

    size = 0

    def forget(self) -> None: ...

    def finish(self) -> None: ...


def test_what_interrupts_it_at_any_line_may_put_something_too() -> None:
    """As the collector of garbage does, when it ends a stream that nobody reads, or a handler of a signal."""
    for place in range(100):
        background = Background(every=0.001)
        assert interrupted(background, place), f"it waits for itself at line {place}"
        background.rest()


def interrupted(background: Background, place: int) -> bool:
    """Put and flush, and put something at one line of all that run meanwhile in each thread; tell whether that ends."""
    left = defaultdict[int, int](lambda: place)

    def interrupt(_frame: FrameType, event: str, _told: object) -> object:
        if event == "line":
            thread = threading.get_ident()
            left[thread] -= 1
            if left[thread] == -1:
                background.put(Nothing())
        return interrupt

    def run() -> None:
        background.put(Nothing())
        ended.append(background.flush(1))

    ended = list[bool]()
    threading.settrace(interrupt)
    try:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(5)
        return ended == [True]
    finally:
        threading.settrace(None)  # type: ignore[arg-type]


def test_a_thread_that_rests_is_gone_and_comes_back(ended: Ended, begin: Callable[[Told], Call]) -> None:
    told = Told(lambda _call: None)
    for number in range(1, 4):
        begin(told).end()
        thread = told.background._thread
        assert thread is not None
        told.background.rest()
        thread.join(5)
        assert not thread.is_alive()
        assert len(ended.spans) == number


def test_flush_tells_when_it_took_too_long(begin: Callable[[Told], Call]) -> None:
    go = threading.Event()
    told = Told(lambda _call: go.wait(10))
    begin(told).end()
    begun = time.monotonic()
    assert not told.background.flush(0.2)
    assert time.monotonic() - begun < 5
    go.set()
    assert told.background.flush(10)


def test_the_pump_runs_after_spans_have_ended(ended: Ended, begin: Callable[[Told], Call]) -> None:
    told, seen = Told(lambda _call: None), list[int]()
    told.background.pump = lambda: seen.append(len(ended.spans))
    begin(told).end()
    assert told.background.flush(10)
    assert seen[-1] == 1


def test_the_pump_runs_also_where_calls_end_as_fast_as_they_are_finished() -> None:
    background, left, seen = Background(every=0.001), list(range(50)), list[int]()

    class Followed(Nothing):
        def finish(self) -> None:
            if left:
                left.pop()
                background.put(Followed())

    background.pump = lambda: seen.append(len(left))
    background.put(Followed())
    while left and background.flush(1):
        pass
    assert 0 < seen[0] < 50, "it does not wait until nothing comes any more"


def test_without_a_thread_a_flush_finishes_itself(
    ended: Ended, begin: Callable[[Told], Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    told = Told(lambda _call: None)
    begin(told).end()
    assert told.background.flush(10)
    assert len(ended.spans) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_begins_with_nothing_and_finishes_its_own(begin: Callable[[Told], Call]) -> None:
    heard: list[Call] = []
    told = Told(heard.append)
    begin(told).end()
    assert told.background.flush(10)
    child = os.fork()
    if child == 0:
        heard.clear()
        begin(told).end()
        os._exit(0 if told.background.flush(10) and len(heard) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Counted:
    """An ending that takes a while to be read, as a call does."""

    size = 1

    def __init__(self, done: list[int]) -> None:
        self._done = done

    def forget(self) -> None: ...

    def finish(self) -> None:
        work()
        self._done.append(1)


def work() -> int:
    return sum(range(5_000))


def test_a_thread_that_never_pauses_does_not_keep_the_interpreter_to_itself() -> None:
    """Each of its system calls gives the interpreter up, and takes it back before another thread has woken."""
    done: list[int] = []
    background = Background(every=0.05)
    until = time.monotonic() + 2
    count = 0
    while time.monotonic() < until:
        background.put(Counted(done))
        count += 1
        for _ in range(10):
            work()
            os.stat("/")  # noqa: PTH116 -- a system call, no more
    assert len(done) > count / 2
    assert background.flush(10)
    assert len(done) == count
