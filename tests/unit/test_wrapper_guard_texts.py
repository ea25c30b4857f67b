"""Which texts a guard finds in calls and results, and what masking leaves of these."""

import copy
import dataclasses
from collections import ChainMap, UserDict, deque
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from spanpulse import _log, checks
from spanpulse._guard import Finding, Guard, GuardBlocked, guard

MAIL, CARD = "ada@example.org", "4111 1111 1111 1111"


def heard(**given: Any) -> tuple[list[str], Guard]:
    """Return a guard and the texts that its check is shown."""
    texts: list[str] = []
    side = "output" if given.pop("output", False) else "input"
    return texts, guard(**{side: [texts.append], **given})


class Turn(NamedTuple):
    role: str
    content: str


@dataclasses.dataclass
class Note:
    title: str
    lines: list[str]
    size: int = 0


class Reply(BaseModel):
    city: str
    notes: list[str] = []


def model(*args: Any, **kwargs: Any) -> str:
    return "fine"


PICTURE = {"type": "image_url", "image_url": {"url": "x"}}
TOOL = {"id": "1", "function": {"name": "f", "arguments": "{}"}}
PARTS = [{"text": "t", "thought": True}, {"text": "a"}, {"text": "b"}]
MESSAGE = {
    "role": "assistant",
    "content": [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"x": "y"}},
    ],
}


@pytest.mark.parametrize(
    ("kwargs", "texts"),
    [
        ({"prompt": "a", "model": "gpt-x", "user": "u"}, ["a"]),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, ["a", "b"]),
        ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]}, ["a"]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, PICTURE]}]}, ["a"]),
        ({"messages": [{"type": "system", "content": "s", "additional_kwargs": {}}]}, []),
        ({"messages": [{"role": "tool", "tool_call_id": "1", "content": "a"}]}, ["a"]),
        ({"input": [{"type": "tool", "id": "1", "output": "a"}]}, ["tool", "1", "a"]),
        ({"input": "a", "instructions": "s"}, ["a"]),
        ({"contents": ["a", {"role": "user", "parts": [{"text": "b"}]}], "config": {"x": "s"}}, ["a", "b"]),
        ({"whatever": "a", "model": "gpt-x"}, ["a"]),
        ({"messages": []}, []),
        ({"prompt": None, "asked": "a"}, ["a"]),
    ],
)  # fmt: skip
def test_what_goes_in_is_found_by_the_names_of_arguments(kwargs: dict[str, Any], texts: list[str]) -> None:
    seen, looking = heard()
    assert looking.call(model, **kwargs) == "fine"
    assert seen == texts


def test_arguments_by_position_have_the_names_of_parameters() -> None:
    seen, looking = heard()

    @looking
    def ask(system: str, question: str, *more: str, style: str = "brief") -> str:
        return question

    assert ask("s", "q", "m", style="x") == "q"
    assert seen == ["q"]
    seen.clear()

    class Bot:
        @looking
        def ask(self, said: str) -> str:
            return said

        @looking
        @staticmethod
        def tell(said: str) -> str:
            return said

        @classmethod
        def name(cls, said: str) -> str:
            return said

    assert (Bot().ask("a"), Bot.tell("b"), looking.call(Bot.name, "c")) == ("a", "b", "c")
    assert seen == ["a", "b", "c"]


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "instructions": "s",
    "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "arguments": '{"x": 1}', "name": "f"},
    ],
}


@pytest.mark.parametrize(
    ("result", "texts", "answers"),
    [
        ("a", ["a"], ["a"]),
        (None, [], []),
        (3, [], []),
        ({"city": "Paris", "n": 3, "in": ["x"]}, ["Paris", "x"], ['{"city": "Paris", "n": 3, "in": ["x"]}']),
        (Reply(city="Paris", notes=["x"]), ["Paris", "x"], ['{"city": "Paris", "notes": ["x"]}']),
        (Note("t", ["x"]), ["t", "x"], ['{"title": "t", "lines": ["x"], "size": 0}']),
        (Turn("assistant", "a"), ["assistant", "a"], ["assistant", "a"]),
        (["a", "b"], ["a", "b"], ["a", "b"]),
        ({"id": "1", "choices": [{"message": {"content": "a", "refusal": "r"}}]}, ["a", "r"], ["a"]),
        ({"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "b"}]}, ["a", "b"], ["a", "b"]),
        ({"choices": [{"message": {"content": None, "tool_calls": [TOOL]}}]}, ["{}"], []),
        ({"choices": [{"message": {"content": "a", "parsed": {"x": ["b"]}}}]}, ["a", "b"], ["a"]),
        ({"choices": [{"message": {"content": "a", "reasoning": {"text": "b"}}}]}, ["a", "b"], ["a"]),
        (MESSAGE, ["t", "a", "y"], ["a"]),
        ({"candidates": [{"content": {"role": "model", "parts": PARTS}}]}, ["t", "a", "b"], ["ab"]),
        (RESPONSE, ["t", "a", '{"x": 1}'], ["a"]),
        (SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content="a"))]), ["a"], ["a"]),
        (UserDict(x="a"), ["a"], ['{"x": "a"}']),
        ({"x": ChainMap({"y": "a"})}, ["a"], ['{"x": {"y": "a"}}']),
        (deque(["a", "b"]), ["a", "b"], ["a", "b"]),
        ({"a"}, ["a"], ["a"]),
    ],
)  # fmt: skip
def test_what_comes_out_is_found_by_the_names_of_fields(result: Any, texts: list[str], answers: list[str]) -> None:
    seen, looking = heard(output=True)
    whole: list[str] = []

    def form(text: str) -> None:
        whole.append(text)

    form.whole = True  # type: ignore[attr-defined]
    both = guard(output=[looking.rules.output[0], form])
    before = copy.deepcopy(result)
    assert both.call(lambda: result) is result
    assert (seen, whole) == (texts, answers)
    assert result == before


@pytest.mark.parametrize(
    "result",
    [
        f"to {MAIL}",
        {"to": MAIL, "n": 3},
        [MAIL],
        Turn("assistant", MAIL),
        Note("t", [MAIL]),
        Reply(city="Paris", notes=[MAIL]),
        {"choices": [{"index": 0, "logprobs": {"content": [{"token": "ada"}]}, "message": {"content": MAIL}}]},
        SimpleNamespace(content=MAIL, role="assistant"),
    ],
)
def test_masking_makes_a_copy_of_the_same_class(result: Any) -> None:
    before = copy.deepcopy(result)
    left = guard(output=[checks.pii()], on_violation="mask").call(lambda: result)
    assert type(left) is type(result)
    assert MAIL not in repr(left)
    assert "<EMAIL>" in repr(left)
    assert "'ada'" not in repr(left)
    assert result == before


@pytest.mark.parametrize(
    "result", [UserDict(x=MAIL), {"x": MappingProxyType({"y": MAIL})}, {"x": {MAIL}}, deque([MAIL]), {MAIL}]
)
def test_what_cannot_be_copied_is_blocked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, result: Any
) -> None:
    monkeypatch.setattr(_log, "_said", set())
    with pytest.raises(GuardBlocked):
        guard(output=[checks.pii()], on_violation="mask").call(lambda: result)
    assert "a guard could not mask the output of a call (TypeError)" in caplog.text
    assert MAIL in repr(result)


def test_masked_arguments_reach_the_function_and_the_callers_stay() -> None:
    messages = [{"role": "user", "content": MAIL}, {"role": "user", "content": "b"}]
    got: list[Any] = []

    @guard(input=[checks.pii()], on_violation="mask")
    def ask(first: str, messages: list[Any]) -> None:
        got.extend((first, messages))

    ask(MAIL, messages=messages)
    assert got == [MAIL, [{"role": "user", "content": "<EMAIL>"}, {"role": "user", "content": "b"}]]
    assert got[1][1] is messages[1]
    assert messages[0]["content"] == MAIL


def test_own_functions_find_and_replace_texts() -> None:
    def takes(texts: list[str], box: Any) -> Any:
        return (SimpleNamespace(said=texts[0]),), {}

    class Box:
        def __init__(self, said: str) -> None:
            self.said = said

    around = guard(
        input=[checks.pii()],
        output=[checks.pii()],
        on_violation="mask",
        input_of=lambda box: box.said,
        replace_input=takes,
        output_of=lambda box: [box.said],
        replace=lambda box, texts: Box(texts[0]),
    )
    assert around.call(lambda box: Box(f"{box.said} {CARD}"), Box(MAIL)).said == "<EMAIL> <CARD>"
    with pytest.raises(GuardBlocked):
        guard(output=[checks.pii()], on_violation="mask", output_of=lambda _: MAIL).call(lambda: 3)


def test_a_finding_in_the_json_of_a_value_is_not_masked_in_its_place() -> None:
    def form(_text: str) -> Finding:
        return Finding(spans=[(0, 3)])

    form.whole = True  # type: ignore[attr-defined]
    with pytest.raises(GuardBlocked):
        guard(output=[form], on_violation="mask").call(lambda: {"city": "Paris"})
    assert guard(output=[form], on_violation="mask").call(lambda: "Paris") == "<MASKED>is"
