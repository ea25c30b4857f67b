"""The key of a log record is its content: whatever its order on the wire and the request it came in."""

import random
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from logevents import TIME_NS, normalise, pairs, record, request, single
from oracle import mutate, varint, wire_fields
from oracle.corpus import corpus_bodies

SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats()),
    *(st.text(max_size=20), st.binary(max_size=20)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(st.text(max_size=6), VALUES, max_size=8)
RECORDS = st.builds(
    record,
    st.sampled_from(["", "gen_ai.choice", "other"]),
    VALUES,
    ATTRIBUTES,
    time_unix_nano=st.sampled_from([0, TIME_NS, TIME_NS + 1]),
    severity_text=st.text(max_size=4),
    flags=st.integers(0, 2**32 - 1),
    dropped_attributes_count=st.integers(0, 3),
)
LATER_THAN_ALL = 1_795_200_000_000
RANDOMS = st.integers(0, 2**32).map(random.Random)

# Which fields of each kind of message are messages again; the names are ours.
NESTED: dict[str, dict[int, str]] = {
    "request": {1: "group"},
    "group": {1: "resource", 2: "scope_logs"},
    "resource": {1: "pair"},
    "scope_logs": {1: "scope", 2: "record"},
    "scope": {3: "pair"},
    "record": {5: "value", 6: "pair"},
    "pair": {2: "value"},
    "value": {5: "array", 6: "list"},
    "array": {1: "value"},
    "list": {1: "pair"},
}


def shuffled(body: bytes, rng: random.Random, kind: str = "request") -> bytes:
    """Return a message with its fields in another order, at every depth; what is in arrays keeps its order."""
    fields = []
    for tag, raw, content in wire_fields(body):
        inner = NESTED[kind].get(tag >> 3)
        if inner is None or content is None:
            fields.append(raw)
        else:
            changed = shuffled(content, rng, inner)
            fields.append(varint(tag) + varint(len(changed)) + changed)
    if kind != "array":
        rng.shuffle(fields)
    return b"".join(fields)


def content(made: LogRecord) -> LogRecord:
    """Return a record with all pairs sorted and nothing unknown."""
    same = LogRecord()
    same.CopyFrom(made)
    same.DiscardUnknownFields()
    _sort(same.attributes)
    _sort_value(same.body)
    return same


def _sort(pairs: Any) -> None:
    for pair in pairs:
        _sort_value(pair.value)
    ordered = sorted(pairs, key=lambda pair: (pair.key, pair.value.SerializeToString(deterministic=True)))
    copies = [KeyValue.FromString(pair.SerializeToString()) for pair in ordered]
    del pairs[:]
    pairs.extend(copies)


def _sort_value(value: Any) -> None:
    if value.WhichOneof("value") == "kvlist_value":
        _sort(value.kvlist_value.values)
    elif value.WhichOneof("value") == "array_value":
        for item in value.array_value.values:
            _sort_value(item)
    elif value.WhichOneof("value") == "string_value_strindex":  # means nothing in a log record
        value.ClearField("string_value_strindex")


def encoded(made: LogRecord) -> bytes:
    return content(made).SerializeToString(deterministic=True)


def key_of(made: LogRecord, **of_request: Any) -> tuple[int, int]:
    (key,) = normalise(request(made, **of_request)).keys
    return key


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, max_size=3), ATTRIBUTES, ATTRIBUTES, RANDOMS)
def test_no_order_on_the_wire_changes_a_key(
    records: list[LogRecord], resource: dict[str, Any], scope: dict[str, Any], rng: random.Random
) -> None:
    body = request(*records, resource=resource, scope_attributes=scope)
    assert sorted(normalise(shuffled(body, rng)).keys) == sorted(normalise(body).keys)


@settings(max_examples=40, deadline=None)
@given(RANDOMS)
def test_no_order_changes_the_keys_of_real_exports(rng: random.Random) -> None:
    body = rng.choice(corpus_bodies("logs"))[1]
    keys = normalise(body, received_ms=LATER_THAN_ALL).keys
    assert sorted(normalise(shuffled(body, rng), received_ms=LATER_THAN_ALL).keys) == sorted(keys)
    alone = [normalise(one, received_ms=LATER_THAN_ALL).keys for one in single(body)]
    assert [key for keys_of_one in alone for key in keys_of_one] == keys


@settings(max_examples=40, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=5), RANDOMS)
def test_no_way_to_cut_requests_changes_a_key(records: list[LogRecord], rng: random.Random) -> None:
    together = normalise(request(*records)).keys
    cuts = single(request(*records))
    order = rng.sample(range(len(cuts)), len(cuts))
    apart = normalise(*(cuts[index] for index in order)).keys
    assert [together[index] for index in order] == apart


@settings(max_examples=60, deadline=None)
@given(RECORDS, RECORDS)
def test_keys_are_equal_where_contents_are(one: LogRecord, other: LogRecord) -> None:
    assert (key_of(one) == key_of(other)) == (encoded(one) == encoded(other))


@settings(max_examples=150, deadline=None)
@given(RECORDS, RANDOMS)
def test_a_changed_record_has_another_key(made: LogRecord, rng: random.Random) -> None:
    try:
        changed = LogRecord.FromString(mutate(made.SerializeToString(), rng))
    except DecodeError:
        return
    found = normalise(request(made, changed))
    assume(len(found.keys) == 2 and encoded(made) != encoded(changed))
    assert found.keys[0] != found.keys[1]


@settings(max_examples=40, deadline=None)
@given(RECORDS, ATTRIBUTES, ATTRIBUTES)
def test_the_resource_and_the_scope_belong_to_the_content(
    made: LogRecord, one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = (LogRecord(attributes=pairs(each)) for each in (one, other))
    same = encoded(first) == encoded(second)
    assert (key_of(made, resource=one) == key_of(made, resource=other)) == same
    assert (key_of(made, scope_attributes=one) == key_of(made, scope_attributes=other)) == same
    assert key_of(made, scope="a", version="b") != key_of(made, scope="b", version="a")


def test_every_field_counts() -> None:
    fields: list[dict[str, Any]] = [
        *({}, {"severity_number": 9}, {"severity_text": "9"}, {"flags": 9}, {"dropped_attributes_count": 9}),
        *({"trace_id": b"u" * 16}, {"trace_id": b""}, {"span_id": b"u" * 8}, {"span_id": b""}),
        *({"observed_time_unix_nano": TIME_NS}, {"time_unix_nano": TIME_NS + 1}),
    ]
    records = [record("", "x", **each) for each in fields]
    records += [record("x"), record("", "x", {"x": "x"}), record("", ["x"]), record("", {"x": None}), record("", b"x")]
    bodies: list[Any] = [[1, 2], [2, 1], [[1], 2], [[1, 2]], {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": [1], "b": [2]}]
    bodies += [{"a": {"b": 1}}, {"a": {}, "b": 1}, [], {}, [{}], [[]], "", b"", 0, 0.0, False, 1, 1.0, True]
    records += [record("", body) for body in bodies]
    records += [record("", "x", {"x": body}) for body in bodies]
    assert len(set(normalise(request(*records)).keys)) == len(records)


def test_a_field_that_says_nothing_is_as_good_as_absent() -> None:
    made = record("other", "x", flags=0)
    zeros = made.SerializeToString() + b"\x45\0\0\0\0" + b"\x10\x80\0" + b"\x1a\0"
    padded = LogRecord.FromString(zeros)
    assert padded == made
    frame = request(made)
    grown = _replaced(frame, made.SerializeToString(), zeros)
    assert normalise(grown).keys == normalise(frame).keys


def _replaced(body: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a message within others."""
    if body == old:
        return new
    fields = []
    for tag, raw, inner in wire_fields(body):
        if inner is not None and old in inner:
            changed = _replaced(inner, old, new)
            fields.append(varint(tag) + varint(len(changed)) + changed)
        else:
            fields.append(raw)
    return b"".join(fields)
