"""Structures deeper than orjson writes: written without recursion, and read as texts where messages are told apart."""

from typing import Any

import orjson
import pytest

from logevents import normalise, record, request
from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._schema import messages_of
from spanpulse_stream.normalise._texts_read import object_of

WRITABLE = 254
DEEP = 10_000


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "inner",
    [
        [],
        {},
        [[], {}, 1, 2.5, None, True, 'é"\n', float("nan")],
        {"a": {"b": [1, {"c": 2}]}, "": [], 'q"': b"bytes", 7: 8},
    ],
    ids=["list", "object", "values", "pairs"],
)
def test_deep_structures_are_written_as_shallow_ones_are(inner: Any) -> None:
    expected = b"[" * DEEP + json_bytes(inner) + b"]" * DEEP
    assert json_bytes(nested(DEEP, inner)) == expected


@pytest.mark.parametrize("depth", [WRITABLE, WRITABLE + 1, 600, 1_000])
def test_lists_of_messages_end_somewhere(depth: int) -> None:
    (message,) = messages_of(nested(depth, {"role": "user", "content": "hi"}), "assistant")
    (part,) = message["parts"]
    assert (message["role"], part["type"]) == ("assistant", "text")
    assert orjson.loads(part["content"]) == nested(depth - 64, {"role": "user", "content": "hi"})


@pytest.mark.parametrize("depth", [600, 1_000, 1_023, 100_000])
def test_a_log_record_with_a_deep_text_leaves_others_alone(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert object_of(text) == text
    events = ("gen_ai.user.message", "gen_ai.choice", "gen_ai.tool.message")
    records = [record(event, body) for event in events for body in (text, {"content": text}, {"content": "hi"})]
    found = normalise(request(*records))
    assert found.columns.size == len(records)
    assert not found.rejected
    assert {row["record"] for row in found.texts} == set(range(len(records)))
