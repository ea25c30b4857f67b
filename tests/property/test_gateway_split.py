"""Cutting a request: whatever it holds, its messages hold the same, once and in order."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otlp.requests import attributes, resource_spans, span, traces
from spanpulse_stream.decode import check
from spanpulse_stream.gateway import partition_of, resource_key, split_request
from spanpulse_stream.gateway._wire import length_delimited

PEER = "10.0.0.7"
values = st.one_of(
    st.text(max_size=8).map(lambda text: AnyValue(string_value=text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.just(AnyValue()),
)
pairs = st.builds(KeyValue, key=st.sampled_from(["service.name", "host.name", "a", "b", ""]), value=values)
spans = st.builds(
    Span,
    span_id=st.binary(min_size=8, max_size=8),
    name=st.text(max_size=20),
    attributes=st.lists(st.builds(KeyValue, key=st.just("text"), value=values), max_size=3),
)
scopes = st.builds(
    ScopeSpans,
    scope=st.builds(InstrumentationScope, name=st.sampled_from(["x", "y" * 30])),
    spans=st.lists(spans, max_size=6),
    schema_url=st.sampled_from(["", "https://schema"]),
)
groups = st.builds(
    ResourceSpans,
    resource=st.builds(Resource, attributes=st.lists(pairs, max_size=3)),
    scope_spans=st.lists(scopes, max_size=4),
    schema_url=st.sampled_from(["", "https://schema"]),
)
requests = st.builds(ExportTraceServiceRequest, resource_spans=st.lists(groups, max_size=5))
# an unknown field, and an unknown group with a field in it
unknown = st.sampled_from([b"", length_delimited(99, b"later"), b"\xa3\x06\x08\x01\xa4\x06"])


def split(body: bytes, most_bytes: int):
    def key_of(start: int, end: int) -> bytes:
        return resource_key(body, start, end, PEER)

    return split_request(body, check(body, "traces").records, key_of, most_bytes)


def flat(request: ExportTraceServiceRequest):
    """Each span with all that stands around it, as bytes."""
    return [
        (
            group.resource.SerializeToString(deterministic=True),
            group.schema_url,
            scope.scope.SerializeToString(deterministic=True),
            scope.schema_url,
            one.SerializeToString(deterministic=True),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for one in scope.spans
    ]


@given(requests, st.integers(20, 2000), unknown)
@settings(max_examples=300, deadline=None)
def test_the_pieces_hold_what_the_request_held(request, most_bytes, extra):
    for group in request.resource_spans:
        group.MergeFromString(extra)
    body = request.SerializeToString()
    pieces = split(body, most_bytes)
    parsed = [ExportTraceServiceRequest.FromString(piece.value) for piece in pieces]
    assert Counter(record for piece in parsed for record in flat(piece)) == Counter(flat(request))
    assert [piece.records for piece in pieces] == [len(flat(piece)) for piece in parsed]
    assert [piece.records for piece in pieces] == [check(piece.value, "traces").records for piece in pieces]
    assert all(piece.records for piece in pieces)
    assert split(body, most_bytes) == pieces


@given(requests, st.integers(20, 2000))
@settings(max_examples=200, deadline=None)
def test_one_resource_a_message_in_order_and_equal_ones_together(request, most_bytes):
    body = request.SerializeToString()
    by_key: dict[bytes, list] = {}
    for piece in split(body, most_bytes):
        for record in flat(ExportTraceServiceRequest.FromString(piece.value)):
            by_key.setdefault(piece.key, []).append(record)
    names = {
        key: {
            tuple(sorted(pair.SerializeToString() for pair in Resource.FromString(one[0]).attributes)) for one in held
        }
        for key, held in by_key.items()
    }
    assert all(len(found) == 1 for found in names.values())
    assert len({next(iter(found)) for found in names.values()}) == len(names)
    for name, held in ((next(iter(names[key])), by_key[key]) for key in by_key):
        expected = [
            one
            for one in flat(request)
            if tuple(sorted(pair.SerializeToString() for pair in Resource.FromString(one[0]).attributes)) == name
        ]
        assert held == expected


@given(st.integers(1, 60), st.integers(200, 3000))
def test_pieces_keep_the_bound_where_spans_and_heads_are_small(count, most_bytes):
    body = traces(resource_spans({"service.name": "s"}, [span(number) for number in range(1, count + 1)]))
    largest = max(len(span(number).SerializeToString()) for number in range(1, count + 1)) + 60
    for piece in split(body, most_bytes):
        assert len(piece.value) <= most_bytes or len(piece.value) <= largest


@given(st.lists(pairs, max_size=5).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_key_does_not_depend_on_the_order_of_attributes(orders):
    keys = set()
    for order in orders:
        body = ResourceSpans(resource=Resource(attributes=order)).SerializeToString()
        keys.add(resource_key(body, 0, len(body), PEER))
    assert len(keys) == 1


def key_of(resource: dict, peer: str = PEER, **fields) -> bytes:
    group = ResourceSpans(resource=Resource(attributes=attributes(resource), **fields)).SerializeToString()
    return resource_key(group, 0, len(group), peer)


def test_the_key_does_not_depend_on_what_is_no_attribute():
    assert key_of({"service.name": "a"}, dropped_attributes_count=3) == key_of({"service.name": "a"})


def test_different_resources_have_different_keys():
    resources = [{}, {"a": "b"}, {"b": "a"}, {"a": "b", "c": ""}, {"a": "bc"}, {"ab": "c"}, {"a": 1}]
    assert len({key_of(resource) for resource in resources}) == len(resources)


def test_the_peer_is_part_of_the_key_only_where_the_resource_names_no_process():
    for name in ("service.instance.id", "host.name", "host.id", "process.pid"):
        assert key_of({name: "x"}, "10.0.0.1") == key_of({name: "x"}, "10.0.0.2")
    assert key_of({"service.name": "x"}, "10.0.0.1") != key_of({"service.name": "x"}, "10.0.0.2")
    assert key_of({"service.name": "x"}, "10.0.0.1") == key_of({"service.name": "x"}, "10.0.0.1")


def test_a_resource_too_large_to_repeat_is_not_multiplied():
    group = resource_spans({"service.name": "x" * 5_000}, [span(number) for number in range(1, 101)])
    body = traces(group)
    pieces = split(body, 2_000)
    assert sum(len(piece.value) for piece in pieces) <= 2 * len(body)
    assert sum(piece.records for piece in pieces) == 100


def test_partitions_are_all_used_and_stable():
    keys = [key_of({"host.name": str(number)}) for number in range(400)]
    used = Counter(partition_of(key, 8) for key in keys)
    assert sorted(used) == list(range(8))
    assert partition_of(bytes(16), 8) == 0
    assert partition_of(b"\x00\x00\x00\x00\x00\x00\x00\x0d" + b"x" * 8, 8) == 5
