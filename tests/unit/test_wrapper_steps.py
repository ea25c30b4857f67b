"""What steps put on their spans, by the conventions; texts are masked before any processor sees them."""

import dataclasses
import gc
import inspect
import json
import pickle
import sys
import threading
import types
import weakref
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from spanpulse import _log, _state
from spanpulse._context import attributes_of, context
from spanpulse._steps import observe, span
from wrapper_generators import run
from wrapper_recorded import Recorded, recorded


@pytest.fixture
def found() -> Iterator[Recorded]:
    with recorded() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log, "_said", set())


def test_a_retrieval(found: Recorded) -> None:
    with span("retrieve", kind="retrieval", id="handbook") as step:
        step.query("where is anna@example.org?", top_k=4)
        step.documents(
            [
                "plain",
                {"text": "of a dict", "score": 0.5, "source": "a.md"},
                SimpleNamespace(page_content="of a framework", metadata={"page": 3}, id="d3"),
                (SimpleNamespace(page_content="beside its score", metadata={}), 0.25),
                SimpleNamespace(node=SimpleNamespace(text="within", node_id="n1"), score=0.75),
            ]
        )
    ended = found.one("retrieval handbook")
    assert ended.kind is SpanKind.CLIENT
    said = dict(ended.attributes or {})
    assert json.loads(str(said.pop("gen_ai.retrieval.documents"))) == [
        {"content": "plain"},
        {"content": "of a dict", "score": 0.5, "source": "a.md"},
        {"id": "d3", "content": "of a framework", "metadata": {"page": 3}},
        {"content": "beside its score", "metadata": {}, "score": 0.25},
        {"id": "n1", "content": "within", "score": 0.75},
    ]
    assert said == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "handbook",
        "gen_ai.retrieval.query.text": "where is <EMAIL>?",
        "gen_ai.retrieval.top_k": 4,
    }


@pytest.mark.parametrize("score", [float("nan"), float("inf"), Fraction(10**400), 10**5000], ids=type)
@pytest.mark.parametrize("is_pair", [True, False])
def test_a_score_that_is_no_number_is_left_out(found: Recorded, score: Any, is_pair: bool) -> None:
    with span("handbook", kind="retrieval") as step:
        step.documents([("a", score) if is_pair else {"content": "a", "score": score}, ("b", 1)])
        step.set("after", 1)
    said = found.said("retrieval handbook")
    assert said["gen_ai.retrieval.documents"] == '[{"content":"a"},{"content":"b","score":1}]'
    assert said["after"] == 1


def test_a_tool(found: Recorded) -> None:
    with span("weather", kind="tool", id="call_1") as step:
        step.input({"city": "Paris", "anna@example.org": 4111111111111111})
        step.output({"celsius": 20})
        step.set("weather.station", "07157")
        step.tag("cached", True)
    assert found.said("execute_tool weather") == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": '{"city":"Paris","<EMAIL>":"<CARD>"}',
        "gen_ai.tool.call.result": '{"celsius":20}',
        "weather.station": "07157",
        "spanpulse.tag.cached": "true",
    }


def test_an_agent_a_workflow_and_a_task(found: Recorded) -> None:
    with span("planner", kind="agent", id="a1") as agent, span("onboarding", kind="chain"), span("parse") as task:
        agent.input(
            [{"role": "system", "content": "be kind"}, {"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
        )
        agent.output("hello")
        task.input({"a": [1, 2]})
    said = found.said("invoke_agent planner")
    assert json.loads(str(said.pop("gen_ai.input.messages"))) == [
        {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
    ]
    assert json.loads(str(said.pop("gen_ai.output.messages"))) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "hello"}], "finish_reason": "stop"}
    ]
    assert said == {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.agent.id": "a1"}
    assert found.said("invoke_workflow onboarding") == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "onboarding",
    }
    assert json.loads(str(found.said("parse")["gen_ai.input.messages"]))[0]["parts"][0]["content"] == '{"a":[1,2]}'
    parents = {each.name: each.parent and each.parent.span_id for each in found.spans}
    ids = {each.name: each.context and each.context.span_id for each in found.spans}
    assert parents["parse"] == ids["invoke_workflow onboarding"]
    assert parents["invoke_workflow onboarding"] == ids["invoke_agent planner"]


def test_an_error_is_told_and_passes(found: Recorded) -> None:
    error = LookupError("nothing for anna@example.org")
    with pytest.raises(LookupError) as caught, span("fails"):
        raise error
    assert caught.value is error
    ended = found.one("fails")
    assert ended.status.status_code is StatusCode.ERROR
    assert ended.status.description == "nothing for <EMAIL>"
    assert (ended.attributes or {})["error.type"] == "LookupError"


@pytest.mark.parametrize(("code", "failed"), [(None, False), (0, False), (1, True), ("why", True), ([], True)])
def test_a_program_that_ends_well_has_not_failed(found: Recorded, code: Any, failed: bool) -> None:
    with pytest.raises(SystemExit), span("step"):
        sys.exit(code)
    assert found.said("step") == ({"error.type": "SystemExit"} if failed else {})
    assert (found.one("step").status.status_code is StatusCode.ERROR) is failed


def test_times_are_the_step_s_own(found: Recorded) -> None:
    with span("outer"):
        with span("inner"):
            pass
        _state.state().background.flush(20)
    inner, outer = found.one("inner"), found.one("outer")
    assert outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time  # type: ignore[operator]


def test_without_content_no_text_is_kept() -> None:
    @observe(kind="tool")
    def weather(city: str) -> str:
        raise ValueError(city)

    with recorded(send_content="off") as found, span("agent", kind="agent") as step:
        step.input("secret")
        step.documents(["secret"])
        step.set("gen_ai.input.messages", "secret")
        step.set("gen_ai.prompt.0.content", "secret")
        step.set("llm.input_messages.0.message.content", ["secret"])
        step.set("gen_ai.prompt.name", "support")
        step.set("gen_ai.request.seed", 7)
        step.set("step.word", "anna@example.org")
        with pytest.raises(ValueError, match="secret"):
            weather("secret")
        step.close()
        said = found.said("invoke_agent agent")
        assert [said.pop(f"gen_ai.{key}") for key in ("agent.name", "operation.name")] == ["agent", "invoke_agent"]
        assert said == {"gen_ai.prompt.name": "support", "gen_ai.request.seed": 7, "step.word": "<EMAIL>"}
        assert "secret" not in "".join(each.to_json() for each in found.spans)
        assert found.one("execute_tool weather").status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("send_content", ["off", "masked", "full"])
def test_own_patterns_hold_for_words_too(send_content: str) -> None:
    with recorded(send_content=send_content, mask_patterns=(r"EMP-\d+",)) as found:
        with span("step") as step:
            step.set("who", "EMP-4711")
        assert found.said("step") == {"who": "<MASKED>"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1 << 63, str(1 << 63)),
        (-1 << 63, -1 << 63),
        ([1, 1 << 63], f"[1,{1 << 63}]"),
        ([1, 2], (1, 2)),
        ([1, 2.5], "[1,2.5]"),
        ([], ()),
        (True, True),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_every_attribute_is_a_value_of_otlp(found: Recorded, value: Any, told: Any) -> None:
    with span("step") as step:
        step.set("value", value)
    assert found.said("step") == {"value": told}
    assert b"value" in encode_spans([found.one("step")]).SerializeToString()


def test_what_changes_after_it_was_told_does_not_change_the_span(found: Recorded) -> None:
    value = {"a": [1]}
    with span("tool", kind="tool") as step:
        step.input(value)
        value["a"].append(2)
    assert found.said("execute_tool tool")["gen_ai.tool.call.arguments"] == '{"a":[1]}'


def test_a_step_that_is_not_recorded_passes_its_trace_on() -> None:
    with recorded(ALWAYS_OFF) as found:
        with span("outer") as outer:
            outer.input("x")
            assert trace.get_current_span() is outer.span
            assert int(outer.trace_id, 16)
            assert int(outer.id, 16)
            with found.tracer.start_as_current_span("inner") as inner:
                assert inner.get_span_context().trace_id == outer.get_span_context().trace_id
        assert not found.spans


def test_what_is_wrong_breaks_nothing(found: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with span(None, kind="unheard of") as step:  # type: ignore[arg-type]
        step.set(3, 4)  # type: ignore[arg-type]
        step.tag("a", object())  # type: ignore[arg-type]
        step.documents(3)
        step.documents(iter("abc"))
        with step:
            pass
    step.output("late")
    step.close()
    assert observe(3) == 3
    assert observe(Recorded) is Recorded
    assert found.one("step").name == "step"
    assert len(caplog.records) == 6


def test_a_broken_provider_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded() as found:
        monkeypatch.setattr(found, "on_start", lambda *_: 1 / 0)
        assert observe(lambda: 3)() == 3
        with span("x"):
            pass


def test_a_step_is_told_where_no_thread_can_be_started(
    found: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(threading.Thread, "start", lambda *_: 1 / 0)
        with span("last") as step:
            step.input("anna@example.org")
    assert [each.name for each in found.ended] == ["last"]
    assert "<EMAIL>" in found.ended[0].to_json()
    assert len(found.spans) == 1
    assert [record.name for record in caplog.records] == ["spanpulse"], "it ends once"


class Things:
    """Methods of all kinds."""

    @observe
    def plain(self, a: int, *rest: int, b: int = 2) -> tuple[Any, ...]:
        """Say so."""
        return a, rest, b

    @observe
    @classmethod
    def of_class(cls, a: int) -> Any:
        return cls, a

    @staticmethod
    @observe
    def static(a: int) -> int:
        return a

    @observe
    @staticmethod
    def static_too(a: int) -> int:
        return a


def test_methods_of_all_kinds(found: Recorded) -> None:
    things = Things()
    assert things.plain(1, 5, 6, b=3) == (1, (5, 6), 3)
    assert things.of_class(1) == (Things, 1)
    assert things.static(1) == Things.static_too(1) == 1
    assert [each.name for each in found.spans] == [
        f"Things.{name}" for name in ("plain", "of_class", "static", "static_too")
    ]
    said = json.loads(str(found.said("Things.plain")["gen_ai.input.messages"]))
    assert said[0]["parts"][0]["content"] == '{"a":1,"rest":[5,6],"b":3}'
    with pytest.raises(TypeError):
        things.plain()  # type: ignore[call-arg]


@observe
def module_level(a: int) -> int:
    """Stay what it is."""
    return a


def test_functions_stay_what_they_are() -> None:
    async def coroutine(a: int) -> int:
        return a

    def generator(a: int) -> Iterator[int]:
        yield a

    async def asynchronous(a: int) -> AsyncIterator[int]:
        yield a

    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    for function in (coroutine, generator, asynchronous):
        seen = observe(function)
        assert [kind(seen) for kind in kinds] == [kind(function) for kind in kinds]
        assert inspect.signature(seen) == inspect.signature(function)
        assert (seen.__name__, seen.__wrapped__) == (function.__name__, function)  # type: ignore[attr-defined]
    bound = partial(types.coroutine(generator), 1)
    awaited = observe(types.coroutine(generator)), observe(bound), context(user_id="u")(bound)
    assert [inspect.isawaitable(each(*arguments)) for each, arguments in zip(awaited, ([1], [], []), strict=True)] == [
        True
    ] * 3
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert module_level.__doc__ == "Stay what it is."


def test_a_retrieval_that_is_observed(found: Recorded) -> None:
    @observe(kind="retrieval", name="handbook")
    async def search(store: object, question: str, k: int = 3) -> list[str]:
        return [question] * k

    assert run(search(object(), "why?", k=2)) == ["why?", "why?"]
    assert found.said("retrieval handbook") == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.query.text": "why?",
        "gen_ai.retrieval.top_k": 2,
        "gen_ai.retrieval.documents": '[{"content":"why?"},{"content":"why?"}]',
    }


@pytest.mark.parametrize(
    ("capture", "kept"), [((), (0, 0)), (("arguments",), (1, 0)), ("result", (0, 1)), (("x",), (0, 0))]
)
def test_what_is_captured_can_be_chosen(found: Recorded, capture: Any, kept: tuple[int, int]) -> None:
    observe(capture=capture, name="f")(lambda a: a)("b")
    said = found.said("f")
    assert ("gen_ai.input.messages" in said, "gen_ai.output.messages" in said) == kept


def test_what_a_generator_yields_is_its_result(found: Recorded) -> None:
    @observe
    def texts() -> Iterator[str]:
        yield from ["a", "", "b"]

    @observe
    def numbers() -> Iterator[int]:
        yield from range(1_000)

    assert "".join(texts()) == "ab"
    assert sum(numbers()) == 499_500
    said = [json.loads(str(dict(each.attributes or {})["gen_ai.output.messages"])) for each in found.spans]
    assert said[0][0]["parts"][0]["content"] == "ab"
    assert json.loads(said[1][0]["parts"][0]["content"])[:3] == [0, 1, 2]


def test_a_generator_that_is_left_early_has_not_failed(found: Recorded) -> None:
    @observe
    def endless() -> Iterator[int]:
        while True:
            assert trace.get_current_span().is_recording()
            yield 1

    generator = endless()
    assert next(generator) == 1
    assert not trace.get_current_span().is_recording(), "its caller is not within it"
    del generator
    assert found.spans[0].status.status_code is StatusCode.UNSET


def test_nothing_of_an_application_is_held(found: Recorded) -> None:
    @dataclasses.dataclass(eq=False)
    class Answer:
        text: str

    @observe
    def once(answer: Answer) -> Answer:
        return answer

    @observe
    def some() -> Iterator[Answer]:
        yield Answer("a")
        yield Answer("b")

    @observe
    def fails(answer: Answer) -> None:
        raise ValueError("no")

    gc.disable()
    try:
        answer = Answer("x")
        seen = weakref.ref(once(answer))
        with pytest.raises(ValueError, match="no"):
            fails(answer)
        del answer
        assert seen() is None
        generator = some()
        seen = weakref.ref(next(generator))
        assert seen() is None
    finally:
        gc.enable()


def test_a_disabled_wrapper_makes_no_steps() -> None:
    with recorded(disabled=True) as found:
        assert module_level(3) == 3
        with span("x") as step:
            assert int(step.id, 16) == 0
        assert not found.spans
        assert not attributes_of()
