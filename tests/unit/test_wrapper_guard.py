"""What a guard does with a call: which texts it looks at, what becomes of a violation, what is on the span."""

import asyncio
import inspect
import pickle
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from spanpulse import _log, checks
from spanpulse._background import Background
from spanpulse._guard import Finding, GuardBlocked, Span, guard
from wrapper_recorded import Recorded, recorded

MAIL, CARD = "ada@example.org", "4111 1111 1111 1111"


@pytest.fixture
def found() -> Iterator[Recorded]:
    with recorded() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log, "_said", set())


def model(*args: Any, **kwargs: Any) -> str:
    return "fine"


def always(text: str) -> Finding | None:
    return Finding(0.75, label="bad", explanation=f"it says {text}")


def broken(_text: str) -> None:
    raise RuntimeError("broken")


def test_a_call_that_is_blocked_is_not_made() -> None:
    with pytest.raises(GuardBlocked) as caught:
        guard(input=[always]).call(pytest.fail, prompt="secret")
    assert (caught.value.side, [each.check for each in caught.value.findings]) == ("input", ["always"])


def test_what_a_guard_raises_says_nothing_of_the_text_and_may_be_pickled() -> None:
    with pytest.raises(GuardBlocked) as caught:
        guard(output=[always, checks.pii()]).call(lambda: f"secret {MAIL}")
    error = caught.value
    assert str(error) == "the output of a guarded call is blocked: always, pii"
    assert "secret" not in repr(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.findings, again.side) == (str(error), error.findings, error.side)
    assert again.findings[1].spans == [Span(7, 22, "EMAIL")]


@pytest.mark.parametrize("side", ["input", "output"])
def test_a_fallback_comes_in_the_place_of_the_result(side: str) -> None:
    sides: dict[str, Any] = {side: [always]}
    assert guard(**sides, on_violation="fallback", fallback=None).call(lambda prompt: "fine", "a") is None
    said = guard(**sides, on_violation="fallback", fallback=lambda error: f"sorry: {error.side}")
    assert said.call(lambda prompt: "fine", "a") == f"sorry: {side}"

    async def later(error: GuardBlocked) -> str:
        await asyncio.sleep(0)
        return error.side

    async def answer(prompt: str) -> str:
        return prompt

    assert asyncio.run(guard(**sides, on_violation="fallback", fallback=later)(answer)("a")) == side


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(("on_error", "passes"), [("pass", True), ("block", False)])
def test_a_check_that_fails_is_said_and_decided_on(
    found: Recorded, caplog: pytest.LogCaptureFixture, side: str, on_error: Any, *, passes: bool
) -> None:
    sides: dict[str, Any] = {side: [broken, checks.pii()]}
    around = guard(**sides, on_error=on_error, name="g")
    if passes:
        assert around.call(lambda prompt: "fine", "a") == "fine"
    else:
        with pytest.raises(GuardBlocked, match=f"the {side} of a guarded call is blocked: broken failed"):
            around.call(lambda prompt: "fine", "a")
    assert "the check broken of a guard failed (RuntimeError)" in caplog.text
    labels = [(dict(event.attributes or {})) for event in found.one("guard g").events]
    assert [each["gen_ai.evaluation.score.label"] for each in labels] == ["error", "pass"]
    assert labels[0]["error.type"] == "RuntimeError"


@pytest.mark.parametrize(("on_error", "passes"), [("pass", True), ("block", False)])
@pytest.mark.parametrize("result", [object(), MAIL.encode()])
def test_what_cannot_be_read_is_no_silent_pass(
    caplog: pytest.LogCaptureFixture, result: Any, on_error: Any, *, passes: bool
) -> None:
    around = guard(output=[checks.pii()], on_error=on_error)
    if passes:
        assert around.call(lambda: result) is result
    else:
        with pytest.raises(GuardBlocked):
            around.call(lambda: result)
    assert (
        "a guard could not check the output of a call: a guard does not know where the texts of "
        f"{type(result).__name__} are" in caplog.text
    )


class Secretive:
    """Says in its error what it should not."""

    __attrs_attrs__ = (SimpleNamespace(name="x"),)

    @property
    def x(self) -> str:
        raise RuntimeError(MAIL)


def test_what_an_answer_raises_as_it_is_read_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    result = Secretive()
    assert guard(output=[checks.pii()]).call(lambda: result) is result
    assert "a guard could not read the output of a call (RuntimeError)" in caplog.text
    assert "in x" in caplog.text
    assert MAIL not in caplog.text


def test_what_a_check_raises_of_a_text_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    def check(text: str) -> None:
        raise ValueError(f"cannot read {text}") from RuntimeError(text)

    def mask(_value: str, texts: list[str]) -> str:
        raise ValueError(texts[0])

    assert guard(output=[check]).call(lambda: MAIL) == MAIL
    with pytest.raises(GuardBlocked):
        guard(output=[checks.pii()], on_violation="mask", replace=mask).call(lambda: f"secret {MAIL}")
    assert "in check" in caplog.text
    assert "could not mask the output of a call (ValueError)" in caplog.text
    assert MAIL not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("spans", [[("a", 2)], [(0.5, 2)], [(0, 2, "X", 4)], [3], 7])
def test_a_check_that_says_no_places_blocks_what_is_to_be_masked(spans: Any) -> None:
    def check(_text: str) -> Finding:
        return Finding(spans=spans)

    with pytest.raises(GuardBlocked):
        guard(output=[check], on_violation="mask").call(lambda: MAIL)
    assert guard(output=[check], on_violation="flag").call(lambda: MAIL) == MAIL


def test_what_is_not_masked_is_blocked() -> None:
    for check in (always, checks.length(max=1)):
        with pytest.raises(GuardBlocked):
            guard(output=[checks.pii(), check], on_violation="mask").call(lambda: MAIL)


def test_results_are_events_of_a_span_around_the_call(found: Recorded) -> None:
    def low(_text: str) -> Finding:
        return Finding(0.25, 0.5, explanation=f"near {MAIL}")

    low.version = "7"  # type: ignore[attr-defined]

    @guard(input=[checks.length(max=9)], output=[low, always], on_violation="flag")
    def ask(prompt: str, model: str) -> str:
        trace.get_current_span().set_attribute("inside", True)
        return "answer"

    with found.tracer.start_as_current_span("outer") as outer:
        assert ask(prompt="a", model="gpt-x") == "answer"
        assert trace.get_current_span() is outer
    span = found.one("guard ask")
    assert span.parent is not None
    assert span.parent.span_id == outer.get_span_context().span_id
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "inside": True,
        "spanpulse.guard.input.action": "none",
        "spanpulse.guard.output.action": "flag",
    }
    assert {event.name for event in span.events} == {"gen_ai.evaluation.result"}
    assert [dict(event.attributes or {}) for event in span.events] == [
        {
            "gen_ai.evaluation.name": "length",
            "gen_ai.evaluation.score.label": "pass",
            "gen_ai.evaluation.score.value": 0.0,
            "gen_ai.request.model": "gpt-x",
            "spanpulse.evaluator.name": "spanpulse.guard.input",
            "spanpulse.evaluator.version": "1",
        },
        {
            "gen_ai.evaluation.name": "low",
            "gen_ai.evaluation.score.label": "pass",
            "gen_ai.evaluation.score.value": 0.25,
            "gen_ai.evaluation.explanation": "near <EMAIL>",
            "gen_ai.request.model": "gpt-x",
            "spanpulse.evaluator.name": "spanpulse.guard.output",
            "spanpulse.evaluator.version": "7",
            "spanpulse.guard.threshold": 0.5,
        },
        {
            "gen_ai.evaluation.name": "always",
            "gen_ai.evaluation.score.label": "fail",
            "gen_ai.evaluation.score.value": 0.75,
            "gen_ai.evaluation.explanation": "it says answer",
            "gen_ai.request.model": "gpt-x",
            "spanpulse.evaluator.name": "spanpulse.guard.output",
            "spanpulse.guard.label": "bad",
            "spanpulse.guard.threshold": 0.5,
        },
    ]


def test_the_span_of_a_call_that_is_awaited_later_is_current_only_then(found: Recorded) -> None:
    async def ask(prompt: str) -> Any:
        return trace.get_current_span()

    async def asking() -> None:
        with found.tracer.start_as_current_span("outer") as outer:
            called = guard(output=[checks.pii()], name="g").call(partial(ask), "a")
            assert trace.get_current_span() is outer
            inner = await called
            assert trace.get_current_span() is outer
        assert inner.name == "guard g"

    asyncio.run(asking())
    assert found.one("guard g").parent is not None


def test_without_content_no_explanation_leaves() -> None:
    with recorded(send_content="off") as found:
        guard(output=[always], on_violation="flag", name="g").call(lambda: "answer")
        (event,) = found.one("guard g").events
    assert "gen_ai.evaluation.explanation" not in (event.attributes or {})


@pytest.mark.parametrize("send_content", ["off", "masked", "full"])
def test_labels_that_say_somethings_of_somebody_are_masked(send_content: str) -> None:
    with recorded(send_content=send_content) as found:
        about = checks.topics(lambda text: f"a letter to {text}", ["sports"])
        guard(output=[about], on_violation="flag", name="g").call(lambda: MAIL)
        (event,) = found.one("guard g").events
    label = (event.attributes or {})["spanpulse.guard.label"]
    assert label == f"a letter to {MAIL if send_content == 'full' else '<EMAIL>'}"


def test_explanations_are_masked_before_they_are_cut_and_can_be_sent(found: Recorded) -> None:
    def check(text: str) -> Finding:
        return Finding(label="\ud800", explanation=f"{'x ' * 1_995}{text}, \udc00")

    guard(output=[check], on_violation="flag", name="g").call(lambda: MAIL)
    (event,) = found.one("guard g").events
    told: Any = event.attributes
    assert told["gen_ai.evaluation.explanation"] == f"{'x ' * 1_995}<EMAIL>, ?"
    assert told["spanpulse.guard.label"] == "?"


def test_what_waits_for_being_told_counts_with_its_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Background, "put", lambda _self, ending: sizes.append(ending.size))
    with recorded():
        for spans in ((), [(0, 1)] * 1_000, 7):
            check = partial(Finding, 1.0, 0.5, "bad", "x" * 10_000, spans)
            guard(output=[lambda _text, made=check: made()], on_violation="flag").call(lambda: "a")
    assert sizes[0] > 10_000
    assert sizes[1] > 100_000
    assert sizes[2] == sizes[0]


def test_a_call_that_raises_has_failed_and_one_that_is_blocked_has_not(found: Recorded) -> None:
    with pytest.raises(ZeroDivisionError):
        guard(output=[always], name="fails").call(lambda: 1 / 0)
    with pytest.raises(GuardBlocked):
        guard(output=[always], name="blocks").call(lambda: "a")
    assert found.one("guard fails").status.status_code is StatusCode.ERROR
    assert found.said("guard fails") == {"error.type": "ZeroDivisionError"}
    assert found.one("guard blocks").status.status_code is StatusCode.UNSET
    assert found.said("guard blocks") == {"spanpulse.guard.output.action": "block"}


async def late(text: str) -> Finding | None:
    await asyncio.sleep(0)
    return Finding() if "bad" in text else None


async def slow(_text: str) -> None:
    await asyncio.sleep(60)


async def read(stream: AsyncIterator[str], into: list[str]) -> None:
    async for piece in stream:
        into.append(piece)  # noqa: PERF401 -- what came before an error counts


def test_asynchronous_checks_are_awaited() -> None:
    async def ask(prompt: str) -> str:
        return f"bad {prompt}"

    async def pieces() -> AsyncIterator[str]:
        for piece in ("good ", "ba", "d"):
            yield piece

    async def all_of() -> None:
        with pytest.raises(GuardBlocked):
            await guard(output=[late])(ask)("x")
        with pytest.raises(GuardBlocked):
            await guard(input=[late]).acall(ask, "bad")
        with pytest.raises(GuardBlocked):
            await guard(output=[late]).call(ask, "x")
        left = []
        with pytest.raises(GuardBlocked):
            await read(guard(output=[late])(pieces)(), left)
        assert left == ["good ", "ba", "d"]
        with pytest.raises(GuardBlocked):
            await anext(guard(output=[late], window=None)(pieces)())
        with pytest.raises(GuardBlocked, match="slow failed"):
            await guard(output=[slow], timeout=0.01, on_error="block")(ask)("x")
        assert await guard(output=[slow], timeout=0.01)(ask)("x") == "bad x"

    asyncio.run(all_of())


def test_a_function_that_cannot_wait_has_no_asynchronous_checks() -> None:
    with pytest.raises(TypeError, match="the check late is asynchronous"):
        guard(output=[late])(model)("a")
    with pytest.raises(TypeError, match="the check late is asynchronous"):
        guard(input=[late]).call(model, "a")


def test_an_answer_is_not_kept() -> None:
    class Answer(SimpleNamespace):
        pass

    answer = guard(output=[checks.pii()]).call(lambda: Answer(content="a", role="assistant"))
    freed = weakref.ref(answer)
    del answer
    assert freed() is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "at least one check"),
        ({"output": [always], "on_violation": "stop"}, "on_violation is 'stop'"),
        ({"output": [always], "on_error": "raise"}, "on_error"),
        ({"output": [always], "on_violation": "fallback"}, "needs a fallback"),
        ({"output": [always], "fallback": 3}, "needs on_violation"),
        ({"output": [always], "window": -1}, "window"),
        ({"output": [always], "timeout": 0}, "timeout"),
        ({"output": [always, always]}, "the same name: always"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        guard(**given)


class Needed:
    """A check whose class somebody takes for it."""

    name = "needed"

    def check(self, _text: str) -> None: ...


@pytest.mark.parametrize("wrong", [3, "pii", dict, None, Needed])
def test_what_is_no_check_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is none"):
        guard(output=[wrong])
    with pytest.raises(TypeError, match="decorates functions"):
        guard(output=[always])(dict)


def test_functions_stay_of_their_kind() -> None:
    around = guard(output=[checks.pii()])

    async def later(prompt: str) -> str:
        """Say it."""
        return prompt

    async def items(prompt: str) -> AsyncIterator[str]:
        yield prompt

    def plain_items(prompt: str) -> Iterator[str]:
        yield prompt

    kinds: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
        (inspect.iscoroutinefunction, later),
        (inspect.isasyncgenfunction, items),
        (inspect.isgeneratorfunction, plain_items),
    ]
    for kind, function in kinds:
        made = around(function)
        assert kind(made)
        assert inspect.signature(made) == inspect.signature(function)
        assert (made.__name__, made.__doc__) == (function.__name__, function.__doc__)
