"""A guard without a violation changes nothing."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry.context import get_current

from spanpulse import checks
from spanpulse._guard import Finding, GuardBlocked, guard
from wrapper_generators import BODY, STEPS, Action, async_generator, async_outcome, generator, outcome, run
from wrapper_recorded import recorded


def harmless(_text: str) -> Finding | None:
    return None


WAYS: dict[str, Callable[[Any], Any]] = {
    "input": guard(input=[harmless], on_error="pass"),
    "flag": guard(output=[checks.patterns(["secret"]), checks.pii(), harmless], on_violation="flag"),
    "block": guard(input=[harmless], output=[harmless, checks.length(max=10**6)]),
    "mask": guard(output=[checks.pii(), harmless], on_violation="mask", output_of=lambda item: f"{item}\n"),
    "fallback": guard(output=[harmless], on_violation="fallback", fallback="instead"),
}
"""Guards that hold nothing back."""
HOLDING = {
    "pii": guard(output=[checks.pii()]),
    "patterns": guard(output=[checks.patterns(["secret"])], on_violation="mask"),
    "whole": guard(output=[checks.length(max=10**6), harmless], window=None),
}


IGNORED = ("catch", GeneratorExit)
"""Whoever does so twice is told once more when what is around it is freed."""


@pytest.fixture(scope="module", autouse=True)
def _recording() -> Iterator[None]:
    with recorded():
        yield


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=100)
@given(body=BODY, steps=STEPS)
def test_generators_do_the_same(way: str, body: list[Action], steps: list[Action]) -> None:
    assume(body.count(IGNORED) < 2)
    before = get_current()
    plain = outcome(generator, body, steps)
    assert outcome(WAYS[way](generator), body, steps) == plain
    assert get_current() is before


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=100)
@given(body=BODY, steps=STEPS)
def test_asynchronous_generators_do_the_same(way: str, body: list[Action], steps: list[Action]) -> None:
    assume(body.count(IGNORED) < 2)
    before = get_current()
    plain = async_outcome(async_generator, body, steps)
    assert async_outcome(WAYS[way](async_generator), body, steps) == plain
    assert get_current() is before


@pytest.mark.parametrize("way", HOLDING)
@settings(deadline=None)
@given(
    items=st.lists(st.text(max_size=5) | st.integers(), max_size=8), error=st.sampled_from([None, ValueError, KeyError])
)
def test_what_is_held_back_comes_in_the_end(way: str, items: list[Any], error: type[Exception] | None) -> None:
    def plain() -> Generator[Any, None, str]:
        yield from items
        if error is not None:
            raise error("late")
        return "returned"

    async def later() -> AsyncIterator[Any]:
        for item in plain():
            yield item

    def came(stream: Generator[Any, None, str]) -> Any:
        found = []
        try:
            while True:
                found.append(next(stream))
        except StopIteration as stop:
            return found, stop.value
        except (ValueError, KeyError) as raised:
            return found, type(raised), raised.args

    async def listed(stream: AsyncIterator[Any]) -> Any:
        found = []
        try:
            async for item in stream:
                found.append(item)  # noqa: PERF401 -- what came before an error counts
        except (ValueError, KeyError) as raised:
            return found, type(raised), raised.args
        return found, "returned"

    assert came(HOLDING[way](plain)()) == came(plain())
    assert came(HOLDING[way].call(plain)) == came(plain())
    assert run(listed(HOLDING[way](later)())) == came(plain())


RESULTS = st.one_of(
    st.integers(0, 10**6),
    st.text(alphabet="abc ,."),
    st.sampled_from([ValueError("a"), KeyboardInterrupt(), StopIteration(3), GuardBlocked("output")]),
    st.dictionaries(st.text(), st.lists(st.text(alphabet="xyz"))),
)


@settings(deadline=None)
@given(result=RESULTS)
def test_functions_do_the_same(result: Any) -> None:
    def plain(text: Any) -> Any:
        if isinstance(result, BaseException):
            raise result
        return result

    async def later(text: Any) -> Any:
        return plain(text)

    def came(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except BaseException as error:  # noqa: BLE001 -- any of them is an outcome
            return type(error), error.args

    for way in (*WAYS.values(), *HOLDING.values()):
        assert came(lambda way=way: way(plain)("go")) == came(lambda: plain("go"))
        assert came(lambda way=way: way.call(plain, "go")) == came(lambda: plain("go"))
        assert came(lambda way=way: run(way(later)("go"))) == came(lambda: run(later("go")))
        assert came(lambda way=way: run(way.call(later, "go"))) == came(lambda: run(later("go")))
        assert came(lambda way=way: run(way.acall(later, "go"))) == came(lambda: run(later("go")))
