"""Bodies of requests and answers: a stream tells what the whole answer would, and no body is too odd to be read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse import _shapes
from spanpulse._shapes import CHAT_COMPLETIONS, GENERATE_CONTENT, MESSAGES, Json, Shape

SHAPES = [shape for name in _shapes.__all__ if isinstance(shape := getattr(_shapes, name), Shape)]
WORDS = [
    *("id", "model", "choices", "message", "delta", "content", "tool_calls", "function", "arguments", "index", "usage"),
    *("type", "text", "input", "output", "messages", "role", "system", "parts", "candidates", "contents", "response"),
    *("prompt_tokens", "input_tokens", "finish_reason", "stop", "error", "item", "output_index", "content_block"),
    *(
        "response.output_text.delta",
        "response.output_item.done",
        "content_block_delta",
        "content_block_start",
        "image_url",
    ),
    *("message_start", "message_delta", "functionCall", "inlineData", "mimeType", "requests", "predictions", "prompt"),
    *("tools", "function_call", "audio", "thinking", "x_groq", "executableCode", "toolCall", "headers", "server_url"),
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)
BODIES = st.dictionaries(st.sampled_from(WORDS), ANY, max_size=6)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
COUNTS = st.integers(0, 100_000)


def in_pieces(draw: Any, said: str) -> list[str]:
    """Return a text in pieces, as a stream would send it."""
    ends = sorted(draw(st.lists(st.integers(0, len(said)), max_size=4)))
    return [said[a:b] for a, b in zip([0, *ends], [*ends, len(said)], strict=True)]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.read_answer.__module__.rpartition(".")[2])
@given(body=BODIES, events=st.lists(BODIES, max_size=4))
def test_any_body_is_read(shape: Shape, body: Json, events: list[Json]) -> None:
    for told in (shape.read_request(body), shape.read_answer(body), shape.read_answer(shape.join(events))):
        json.dumps([told.messages, told.instructions, told.tools])
        for value in told.attributes.values():
            assert isinstance(value, str | bool | int | float) or all(isinstance(each, str) for each in value)


@st.composite
def chat(draw: Any) -> tuple[Json, list[Json]]:
    """Draw a completion, and its chunks."""
    head = {"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06"}
    usage = {"prompt_tokens": draw(COUNTS), "completion_tokens": draw(COUNTS)}
    usage["prompt_tokens_details"] = {"cached_tokens": draw(COUNTS)}
    choices, chunks = [], []
    for index in range(draw(st.integers(1, 3))):
        said, reason = draw(TEXTS), draw(st.sampled_from(["stop", "length", "tool_calls"]))
        message: Json = {"role": "assistant", "content": said}
        chunks.append({**head, "choices": [{"index": index, "delta": {"role": "assistant", "content": ""}}]})
        chunks += [{**head, "choices": [{"index": index, "delta": {"content": p}}]} for p in in_pieces(draw, said)]
        calls = []
        for at in range(draw(st.integers(0, 2))):
            given_arguments = json.dumps({"q": draw(TEXTS)})
            name = {"name": f"tool{at}"}
            first = {"index": at, "id": f"call_{at}", "type": "function", "function": {**name, "arguments": ""}}
            chunks.append({**head, "choices": [{"index": index, "delta": {"tool_calls": [first]}}]})
            for piece in in_pieces(draw, given_arguments):
                more = {"index": at, "function": {"arguments": piece}}
                chunks.append({**head, "choices": [{"index": index, "delta": {"tool_calls": [more]}}]})
            calls.append({"id": f"call_{at}", "type": "function", "function": {**name, "arguments": given_arguments}})
        if calls:
            message["tool_calls"] = calls
        chunks.append({**head, "choices": [{"index": index, "delta": {}, "finish_reason": reason}]})
        choices.append({"index": index, "message": message, "finish_reason": reason})
    chunks.append({**head, "choices": [], "usage": usage})
    return {**head, "choices": choices, "usage": usage}, chunks


@st.composite
def anthropic(draw: Any) -> tuple[Json, list[Json]]:
    """Draw a message, and its events."""
    cached, written, plain = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    usage = {"input_tokens": plain, "cache_read_input_tokens": cached, "cache_creation_input_tokens": written}
    head = {"id": "msg_1", "model": "claude-sonnet-4-5", "role": "assistant", "type": "message"}
    events: list[Json] = [
        {
            "type": "message_start",
            "message": {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}},
        }
    ]
    blocks: list[Json] = []
    for index in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["text", "thinking", "tool_use"]))
        said = draw(TEXTS)
        if kind == "tool_use":
            block: Json = {"type": kind, "id": f"toolu_{index}", "name": "look", "input": {"q": said}}
            empty, pieces = {**block, "input": {}}, in_pieces(draw, json.dumps({"q": said}))
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        else:
            block, empty = {"type": kind, kind: said}, {"type": kind, kind: ""}
            deltas = [{"type": f"{kind}_delta", kind: piece} for piece in in_pieces(draw, said)]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
        blocks.append(block)
    given_tokens = draw(COUNTS)
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": given_tokens}}
    events += [delta, {"type": "message_stop"}]
    usage = {**usage, "output_tokens": given_tokens}
    return {**head, "content": blocks, "stop_reason": "end_turn", "usage": usage}, events


@st.composite
def google(draw: Any) -> tuple[Json, list[Json]]:
    """Draw an answer, and its chunks; neighbours of the same kind are one text."""
    head = {"responseId": "r1", "modelVersion": "gemini-2.5-pro"}
    usage = {"promptTokenCount": draw(COUNTS), "candidatesTokenCount": draw(COUNTS), "thoughtsTokenCount": draw(COUNTS)}
    thought, said = draw(TEXTS.filter(bool)), draw(TEXTS.filter(bool))
    chunks = [
        {**head, "candidates": [{"content": {"parts": [{"text": piece, **kind}], "role": "model"}}]}
        for text, kind in ((thought, {"thought": True}), (said, {}))
        for piece in in_pieces(draw, text)
        if piece
    ]
    chunks.append({**head, "candidates": [{"finishReason": "STOP"}], "usageMetadata": usage})
    parts = [{"text": thought, "thought": True}, {"text": said}]
    return {
        **head,
        "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    }, chunks


@pytest.mark.parametrize(
    ("shape", "made"), [(CHAT_COMPLETIONS, chat()), (MESSAGES, anthropic()), (GENERATE_CONTENT, google())]
)
@given(data=st.data())
def test_a_stream_tells_what_the_whole_answer_would(shape: Shape, made: Any, data: st.DataObject) -> None:
    whole, events = data.draw(made)
    assert shape.read_answer(shape.join(events)) == shape.read_answer(whole)
