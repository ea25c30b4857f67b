"""The log exports of real SDKs give the texts that were said, as far as the bytes hold them."""

import base64
import json
from collections import defaultdict
from typing import Any

import pytest

from logevents import normalise
from oracle.corpus import CORPUS

Said = list[tuple[Any, ...]]  # (role or kind, content)

# What the bytes of these exports do not hold.
NO_TOOL_CALL_IN_INPUT = {("openlit-openai", "tools"), ("openlit-openai", "responses_tools")}
ONLY_FIRST_INPUT = {("google-genai", "tools_auto"), ("openlit-openai", "responses_tools")}
WITHOUT_FIRST_CALL = {("google-genai", "tools_auto")}
CUT_OFF = {("openai-v2-default", "stream_abort")}
NO_CONTENT = "openai-v2-nocontent"
LATER_THAN_ALL = 1_795_200_000_000


def scenarios() -> list[Any]:
    lines = [json.loads(line) for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [pytest.param(line, id=f"{line['sdk']}-{line['scenario']}") for line in lines if line["logs"]]


@pytest.mark.parametrize("scenario", scenarios())
def test_texts_are_those_that_were_said(scenario: dict[str, Any]) -> None:
    case = (scenario["sdk"], scenario["scenario"])
    found = normalise(*map(base64.b64decode, scenario["logs"]), received_ms=LATER_THAN_ALL)
    assert not found.rejected
    assert not found.scores
    conversations = _conversations(found.texts)
    if scenario["sdk"] == NO_CONTENT:
        said = [("call", "get_weather", None)] if "tool" in scenario["scenario"] else []
        assert conversations == ([] if scenario["expected"]["is_error"] else [([], said)])
        assert all(message["finish_reason"] for row in found.texts for message in row["messages"])
        return
    expected = [_expected(case, call) for call in scenario["expected"]["calls"]]
    if case in WITHOUT_FIRST_CALL:
        expected = expected[1:]
    assert sorted(conversations, key=repr) == sorted(expected, key=repr)


def test_records_that_are_no_texts_still_count() -> None:
    scenario = next(p.values[0] for p in scenarios() if p.id == f"{NO_CONTENT}-nocontent_chat")
    found = normalise(*map(base64.b64decode, scenario["logs"]), received_ms=LATER_THAN_ALL)
    assert (found.columns.size, len(found.texts)) == (3, 1)


def _conversations(rows: list[dict[str, Any]]) -> list[tuple[Said, Said]]:
    """Return (input, output) of each span."""
    spans: dict[Any, tuple[Said, Said]] = defaultdict(lambda: ([], []))
    for row in rows:
        side = spans[(*row["trace_id"], row["span_id"])][row["direction"] == "output"]
        for message in row["messages"]:
            side += [_part(message["role"], part) for part in message["parts"]]
    return list(spans.values())


def _part(role: str, part: dict[str, Any]) -> tuple[Any, ...]:
    if part["type"] == "tool_call":
        return ("call", part["name"], part.get("arguments"))
    if part["type"] == "tool_call_response":
        return ("result", _parsed(part["response"]))
    assert part["type"] == "text"
    return (role, part["content"])


def _expected(case: tuple[str, str], call: dict[str, Any]) -> tuple[Said, Said]:
    said = [("system", call["system"])] if call.get("system") else []
    messages = call["input_messages"]
    for message in [messages] if isinstance(messages, str) else messages:
        said += _sent(message)
    if case in ONLY_FIRST_INPUT:
        said = said[: 2 if call.get("system") else 1]
    if case in NO_TOOL_CALL_IN_INPUT:
        said = [each for each in said if each[0] != "call"]
    return said, _answer(case, call)


def _sent(message: Any) -> Said:
    if isinstance(message, str):
        return [("user", message)]
    role = "assistant" if message.get("role") == "model" else message.get("role")
    if message.get("type") == "function_call":
        return [("call", message["name"], json.loads(message["arguments"]))]
    if message.get("type") == "function_call_output":
        return [("result", json.loads(message["output"]))]
    if "parts" in message:
        return [_gemini(role, part) for part in message["parts"]]
    if role == "tool":
        return [("result", _parsed(message["content"]))]
    text = [(role, message["content"])] if message.get("content") else []
    return text + [_call(call) for call in message.get("tool_calls") or []]


def _gemini(role: str, part: dict[str, Any]) -> tuple[Any, ...]:
    if "functionCall" in part:
        return ("call", part["functionCall"]["name"], part["functionCall"]["args"])
    if "functionResponse" in part:
        return ("result", part["functionResponse"]["response"])
    return (role, part["text"])


def _answer(case: tuple[str, str], call: dict[str, Any]) -> Said:
    if case in CUT_OFF:
        return [("assistant", call["output_text_full"][: len("This stream will be abandoned ")])]
    text = [("assistant", call["output_text"])] if call.get("output_text") else []
    return text + [_call(each) for each in call.get("tool_calls") or []]


def _call(call: dict[str, Any]) -> tuple[Any, ...]:
    function = call.get("function", call)
    return ("call", function["name"], _parsed(function.get("arguments", function.get("args"))))


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
