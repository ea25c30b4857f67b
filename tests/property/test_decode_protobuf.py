"""Whatever protobuf's classes can write, and whatever becomes of it on the wire, decodes as protobuf reads it."""

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from oracle import KEYS, assert_equal, corpus_bodies, expect, mutate
from oracle.strategies import log_requests, signals, spans, trace_requests
from spanpulse_stream.decode import decode_spans

COMMON = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@COMMON
@given(st.lists(trace_requests, max_size=3))
def test_traces_equal_protobuf(bodies: list[bytes]) -> None:
    assert assert_equal(bodies, "traces") == 0


@COMMON
@given(st.lists(log_requests, max_size=3))
def test_logs_equal_protobuf(bodies: list[bytes]) -> None:
    assert assert_equal(bodies, "logs") == 0


@COMMON
@given(signals, trace_requests | log_requests, st.randoms(use_true_random=False))
def test_mutated_messages_equal_protobuf(signal: str, body: bytes, rng: random.Random) -> None:
    """Requests of the other signal too: they are messages with other fields."""
    assert_equal([body, mutate(body, rng), b""], signal)


@COMMON
@given(signals, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_mutated_exports_equal_protobuf(signal: str, pick: int, rng: random.Random) -> None:
    bodies = corpus_bodies(signal)
    assert_equal([mutate(bodies[pick % len(bodies)][1], rng, 8)], signal)


@COMMON
@given(signals, st.binary(max_size=200))
def test_any_bytes_equal_protobuf(signal: str, body: bytes) -> None:
    assert_equal([body], signal)


@COMMON
@given(trace_requests, st.data())
def test_a_cut_message_loses_no_readable_neighbour(body: bytes, data: st.DataObject) -> None:
    cut = body[: data.draw(st.integers(0, len(body)))]
    assert_equal([body, cut, body], "traces")


@COMMON
@given(st.lists(spans, min_size=2, max_size=5), st.data())
def test_bytes_flipped_within_a_span_reject_at_most_that_span(several: list[Any], data: st.DataObject) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(several)
    body = bytearray(request.SerializeToString())
    decoded = decode_spans([bytes(body)], KEYS)
    victim = data.draw(st.integers(0, len(several) - 1))
    offset, length = int(decoded.span_offset[victim]), int(decoded.span_length[victim])
    for _ in range(data.draw(st.integers(0, 4)) if length else 0):
        body[offset + data.draw(st.integers(0, length - 1))] = data.draw(st.integers(0, 255))
    assert assert_equal([bytes(body)], "traces") <= 1
    assert expect(bytes(body), "traces").records is not None
    assert {piece.ordinal for piece in decode_spans([bytes(body)], KEYS).rejected} <= {victim}
