"""The context goes where the work goes: into threads, pools, tasks and generators, and comes back as it was."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current

from spanpulse._context import attributes_of, carry, context, watch_threads
from spanpulse._steps import observe, span
from wrapper_recorded import Recorded, recorded


@pytest.fixture
def found() -> Iterator[Recorded]:
    with recorded() as provider:
        yield provider


@pytest.fixture
def watched() -> Iterator[None]:
    plain = threading.Thread.start, ThreadPoolExecutor.submit
    take_back = watch_threads()
    yield
    take_back()
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == plain


def user() -> str | None:
    return attributes_of().get("user.id")


class Worker(threading.Thread):
    """A thread with a `run` of its own."""

    def run(self) -> None:
        self.user = user()
        self.vars = "run" in vars(self)


def in_thread(made: type[threading.Thread] = Worker) -> Any:
    thread: Any = made()
    thread.start()
    thread.join(10)
    return thread


@pytest.mark.usefixtures("watched")
def test_threads_take_the_context_along(found: Recorded) -> None:
    said: list[str | None] = []
    with context(user_id="a"), span("outer") as step:
        assert in_thread().user == "a"
        assert not in_thread().vars, "the thread is as it was when it runs"
        thread = threading.Thread(target=lambda: said.append(user()))
        thread.start()
        thread.join(10)
        timer = threading.Timer(0, lambda: said.append(trace.get_current_span().get_span_context().span_id.__str__()))
        timer.start()
        timer.join(10)
    assert said == ["a", str(step.get_span_context().span_id)]
    assert in_thread().user is None
    assert found.spans


@pytest.mark.usefixtures("watched")
def test_a_thread_that_cannot_start_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded(), context(user_id="a"):
        thread = in_thread()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        fresh = Worker()
        with monkeypatch.context() as meanwhile:
            begin = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"
            meanwhile.setattr(threading, begin, lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                fresh.start()
        assert "run" not in vars(fresh) | vars(thread)


@pytest.mark.usefixtures("watched")
def test_what_a_pool_does_is_for_who_asked_for_it(found: Recorded) -> None:
    gate = threading.Barrier(2)

    def ask(name: str) -> list[str | None]:
        with context(user_id=name):
            gate.wait(10)
            return [*pool.map(lambda _: user(), range(20)), pool.submit(user).result(10)]

    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(2) as callers:
        answers = [callers.submit(ask, name) for name in "ab"]
        assert [set(answer.result(10)) for answer in answers] == [{"a"}, {"b"}]
        assert pool.submit(user).result(10) is None, "nothing is left in its threads"
        with context(user_id="a"):
            assert pool.submit(pow, 2, exp=3).result(10) == 8
            assert pool.submit(dict, fn=1, self=2).result(10) == {"fn": 1, "self": 2}
            with pytest.raises(ZeroDivisionError):
                pool.submit(divmod, 1, 0).result(10)
        with pytest.raises(TypeError):
            pool.submit()  # type: ignore[call-arg]
    with pytest.raises(RuntimeError), context(user_id="a"):
        pool.submit(user)
    assert get_current() == Context()


@pytest.mark.usefixtures("watched")
def test_threads_of_ours_belong_to_nobody() -> None:
    with recorded(), context(user_id="a"):
        thread = Worker(name="spanpulse-sends")
        thread.start()
        thread.join(10)
        assert thread.user is None


def test_without_watching_a_function_carries_the_context(found: Recorded) -> None:
    with context(user_id="a"):
        carried = carry(user)
        assert in_thread().user is None
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(carried).result(10) == "a"
        assert pool.submit(user).result(10) is None


def test_tasks_have_their_own(found: Recorded) -> None:
    async def work(name: str) -> list[str | None]:
        async with context(user_id=name):
            async with span(name):
                await asyncio.sleep(0)
                child = asyncio.create_task(later())
                await asyncio.sleep(0)
            return [user(), await asyncio.to_thread(user), await child]

    async def later() -> str | None:
        await asyncio.sleep(0.01)
        with span("later"):
            return user()

    async def run() -> list[list[str | None]]:
        return await asyncio.gather(*map(work, "abc"))

    assert asyncio.run(run()) == [[name] * 3 for name in "abc"]
    parents = {each.context.span_id: each.name for each in found.spans if each.context}
    later_ones = [each for each in found.spans if each.name == "later"]
    assert {(each.attributes or {})["user.id"] for each in later_ones} == set("abc")
    assert all(
        each.parent and parents[each.parent.span_id] == (each.attributes or {})["user.id"] for each in later_ones
    )


@context(user_id="of the stream")
@observe
async def stream() -> AsyncIterator[str | None]:
    try:
        while True:
            with span("chunk"):
                await asyncio.sleep(0)
            yield user()
    finally:
        await asyncio.sleep(0)
        with span("closing"):
            pass


async def steps_of(chunks: AsyncIterator[str | None]) -> str | None:
    return await anext(chunks)


def test_a_stream_that_is_left_is_finished_by_the_loop(found: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        chunks, abandoned, cancelled = stream(), stream(), stream()
        async with context(user_id="caller"):
            async for name in chunks:
                assert name == "of the stream"
                assert user() == "caller"
                break
            assert [await asyncio.create_task(steps_of(abandoned)) for _ in range(2)] == ["of the stream"] * 2
            task = asyncio.create_task(steps_of(cancelled))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            del abandoned, chunks
            await asyncio.sleep(0.01)
            assert user() == "caller"
        left = stream()
        await anext(left)
        leaves.append(left)
        assert user() is None

    leaves: list[Any] = []
    asyncio.run(run())
    assert [each.name for each in found.spans].count("closing") == 4
    assert [each.name for each in found.spans].count("stream") == 4
    by_id = {each.context.span_id: each.name for each in found.spans if each.context}
    for each in found.spans:
        assert each.name == "stream" or (each.parent and by_id[each.parent.span_id] == "stream")
        assert (each.attributes or {})["user.id"] == "of the stream"
    assert not caplog.records


def test_a_generator_goes_on_in_any_thread(found: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    @context(user_id="a")
    @observe
    def chunks() -> Iterator[str | None]:
        for _ in range(4):
            with span("chunk"):
                yield user()

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        generator = chunks()
        assert [pool.submit(next, generator).result(10) for pool in (one, other, one, other)] == ["a"] * 4
        assert one.submit(lambda: next(generator, "end")).result(10) == "end"
        assert {pool.submit(get_current).result(10) == Context() for pool in (one, other)} == {True}
    assert [(each.attributes or {})["user.id"] for each in found.spans] == ["a"] * 5
    assert not caplog.records


def test_the_application_s_own_context_is_kept(found: Recorded) -> None:
    attach(Context({"own": 1}))
    with context(user_id="a"), span("x"):
        assert get_current()["own"] == 1
    assert get_current() == {"own": 1}
