"""Whatever a sender writes under whatever key, normalising gives columns that hold together and raises nothing."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from logevents import TIME_NS, Normalised, any_value, normalise, record, request
from oracle import mutate
from oracle.corpus import corpus_bodies
from spanpulse_stream.normalise import KEYS

EVENTS = [
    *("gen_ai.client.inference.operation.details", "gen_ai.evaluation.result", "gen_ai.choice", "other", ""),
    *(f"gen_ai.{role}.message" for role in ("system", "user", "assistant", "tool")),
    *("gen_ai.content.prompt", "gen_ai.content.completion"),
]
WORDS = ["role", "parts", "content", "type", "message", "messages", "tool_calls", "function", "arguments", "name", "id"]
WORDS += [
    "index",
    "finish_reason",
    "text",
    "tool",
    "assistant",
    "system",
    "tool_call",
    "",
    '{"',
    "[",
    '"content":',
    "\\",
]
TEXTS = st.sampled_from(WORDS) | st.text(max_size=8)
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats()),
    *(TEXTS, st.binary(max_size=8), st.sampled_from(["1e999", "nan", "9" * 400, "-0", "[" * 3000, '{"a":' * 3000])),
)
SHAPES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=16
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=16,
).map(json.dumps)
VALUES = SHAPES | JSON
ATTRIBUTES = st.lists(st.tuples(st.sampled_from(KEYS.keys) | TEXTS, VALUES), max_size=8)
LOG_KEYS = [
    key for key in KEYS.keys if key.startswith(("gen_ai.e", "gen_ai.input", "gen_ai.output", "gen_ai.s", "event"))
]


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    """Draw a record with any value under any key, keys repeated."""
    times = st.sampled_from([TIME_NS, 0, 1, 2**64 - 1])
    made = record(draw(st.sampled_from(EVENTS)), draw(VALUES), time_unix_nano=draw(times))
    made.trace_id = draw(st.sampled_from([b"t" * 16, b"", b"t", bytes(16)]))
    made.span_id = draw(st.sampled_from([b"s" * 8, b"", bytes(9)]))
    known = st.lists(st.tuples(st.sampled_from(LOG_KEYS), VALUES), max_size=4)
    for key, value in draw(ATTRIBUTES) + draw(known):
        made.attributes.append(KeyValue(key=key, value=any_value(value)))
    return made


def assert_sound(found: Normalised, records: int) -> None:
    """Every record is a row or a rejection, and every column is as long and as typed as it should be."""
    columns = found.columns
    assert columns.size + len(found.rejected) == records
    assert {len(columns.key), len(columns.ordinal), len(columns.log_offset), len(columns.tenant.codes)} == {
        columns.size
    }
    for rows in (found.texts, found.scores):
        places = [row["record"] for row in rows]
        assert places == sorted(places)
        assert all(0 <= place < columns.size for place in places)
    for row in found.texts:
        assert row["direction"] in {"input", "output"}
        assert row["messages"]
        assert all(message["parts"] or message["finish_reason"] for message in row["messages"])
        assert all(isinstance(message["role"], str) for message in row["messages"])
    for row in found.scores:
        assert row["name"]


@settings(max_examples=150, deadline=None)
@given(st.lists(records(), max_size=4))
def test_no_value_raises(given_records: list[LogRecord]) -> None:
    found = normalise(request(*given_records))
    assert_sound(found, len(given_records))
    again = normalise(request(*given_records))
    assert (again.keys, repr(again.texts), repr(again.scores)) == (found.keys, repr(found.texts), repr(found.scores))


@settings(max_examples=80, deadline=None)
@given(st.lists(records(), min_size=1, max_size=4))
def test_records_do_not_depend_on_their_neighbours(given_records: list[LogRecord]) -> None:
    together = normalise(request(*given_records))
    apart = [normalise(request(each)) for each in given_records]

    def said(found: Normalised) -> list[Any]:
        rows = found.texts + found.scores
        return [repr({name: value for name, value in row.items() if name != "record"}) for row in rows]

    assert sorted(said(together)) == sorted(row for each in apart for row in said(each))
    assert together.keys == [key for each in apart for key in each.keys]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_no_damage_to_real_exports_raises(seed: int, data: st.DataObject) -> None:
    body = data.draw(st.sampled_from([body for _, body in corpus_bodies("logs")]))
    normalise(mutate(body, random.Random(seed)), body)


def test_large_values_pass() -> None:
    text = "x" * 1_000_000
    deep: Any = "x"
    for _ in range(14):
        deep = {"content": [deep]}
    wide = {f"key.{index}": index for index in range(2000)}
    given_records = [
        record("gen_ai.user.message", {"content": text}),
        record("gen_ai.choice", {"message": {"content": [text, text]}}),
        record("gen_ai.user.message", deep),
        record("gen_ai.evaluation.result", None, {**wide, "gen_ai.evaluation.name": text, "k": text}),
        record("gen_ai.tool.message", wide),
    ]
    found = normalise(request(*given_records))
    assert_sound(found, len(given_records))
    assert len(found.scores[0]["attributes"]) == 2001


def test_a_batch_may_be_large() -> None:
    body = request(*[record("gen_ai.user.message", {"content": f"say {index}"}) for index in range(5000)])
    found = normalise(*[body] * 3)
    assert (found.columns.size, len(set(found.keys)), len(found.texts)) == (15_000, 5000, 15_000)
