"""Programs of generators and of those who advance them, and what comes of running them."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, NamedTuple

from hypothesis import strategies as st

Action = tuple[str, Any]
ERRORS = (ValueError, KeyError, StopIteration, StopAsyncIteration, GeneratorExit, KeyboardInterrupt, RuntimeError)

BODY = st.lists(
    st.one_of(
        st.tuples(st.just("yield"), st.integers(0, 3)),
        st.tuples(st.just("catch"), st.sampled_from(ERRORS)),
        st.tuples(st.just("finally"), st.integers(0, 3)),
        st.tuples(st.just("return"), st.integers(0, 3)),
        st.tuples(st.just("raise"), st.sampled_from(ERRORS)),
        st.tuples(st.just("await"), st.none()),
    ),
    max_size=6,
)
"""What a generator does, one action after another."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("next"), st.none()),
        st.tuples(st.just("send"), st.integers(0, 3)),
        st.tuples(st.just("throw"), st.sampled_from(ERRORS)),
        st.tuples(st.just("close"), st.none()),
    ),
    max_size=8,
)
"""What is done to it."""


class Outcome(NamedTuple):
    """What the body saw, and what came of each step."""

    seen: list[Any]
    came: list[Any]


class Pause:
    """Something to await that comes back once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def generator(body: list[Action], seen: list[Any]) -> Generator[Any, Any, Any]:
    for what, detail in body:
        match what:
            case "yield":
                seen.append((yield detail))
            case "catch":
                try:
                    seen.append((yield detail.__name__))
                except detail as error:
                    seen.append((type(error), error.args, type(error.__context__)))
            case "finally":
                try:
                    yield detail
                finally:
                    seen.append("finally")
            case "return":
                return detail
            case "raise":
                raise detail("body")
    return None


async def async_generator(body: list[Action], seen: list[Any]) -> AsyncGenerator[Any, Any]:
    for what, detail in body:
        match what:
            case "await":
                await Pause()
            case "yield":
                seen.append((yield detail))
            case "catch":
                try:
                    seen.append((yield detail.__name__))
                except detail as error:
                    seen.append((type(error), error.args, type(error.__context__)))
            case "finally":
                try:
                    yield detail
                finally:
                    await Pause()
                    seen.append("finally")
            case "return":
                return
            case "raise":
                raise detail("body")


def outcome(make: Callable[..., Generator[Any, Any, Any]], body: list[Action], steps: list[Action]) -> Outcome:
    """Advance a generator as a program says."""
    seen: list[Any] = []
    made = make(body, seen)
    acts = {"next": lambda _: next(made), "send": made.send, "close": lambda _: made.close()}
    acts["throw"] = lambda error: made.throw(error("thrown"))
    return Outcome(seen, [_came(acts[what], detail) for what, detail in steps] + [_came(acts["close"], None)])


def async_outcome(make: Callable[..., AsyncGenerator[Any, Any]], body: list[Action], steps: list[Action]) -> Outcome:
    """Advance an asynchronous generator as a program says."""
    seen: list[Any] = []
    made = make(body, seen)
    acts: dict[str, Callable[[Any], Any]] = {
        "next": lambda _: run(made.__anext__()),
        "send": lambda value: run(made.asend(value)),
        "throw": lambda error: run(made.athrow(error("thrown"))),
        "close": lambda _: run(made.aclose()),
    }
    return Outcome(seen, [_came(acts[what], detail) for what, detail in steps] + [_came(acts["close"], None)])


def run(awaitable: Coroutine[Any, Any, Any]) -> Any:
    """Return what an awaitable comes to, without a loop."""
    steps = awaitable.__await__()
    try:
        while True:
            steps.send(None)
    except StopIteration as stop:
        return stop.value


def _came(act: Callable[[Any], Any], detail: Any) -> Any:
    try:
        return "value", act(detail)
    except BaseException as error:  # noqa: BLE001 -- any of them is an outcome
        return type(error), str(error), type(error.__cause__), type(error.__context__)
