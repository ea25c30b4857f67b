"""Generated load: the promised shape, distinct texts, fresh ids, and texts as compressible as prose."""

import json
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanpulse_stream.traffic import LoadGenerator, _language
from spanpulse_stream.traffic._encode import Event, SpanRecord, encode_span
from spanpulse_stream.traffic._language import Writer
from traffic_costs import attributes, spans

NOW = 1_795_000_000_000_000_000


@pytest.fixture(scope="module")
def generator() -> LoadGenerator:
    return LoadGenerator(5)


def texts(body: bytes) -> list[str]:
    return [text for span in spans([body]) for text in texts_of(attributes(span))]


def texts_of(values: dict[str, Any]) -> list[str]:
    messages = [values[key] for key in ("gen_ai.input.messages", "gen_ai.output.messages") if key in values]
    documents = json.loads(values.get("gen_ai.retrieval.documents", "[]"))
    return [json.loads(each)[0]["parts"][0]["content"] for each in messages] + [each["content"] for each in documents]


def test_shape(generator: LoadGenerator) -> None:
    body = generator.request(NOW)
    found = list(spans([body]))
    assert len(found) == generator.spans_per_request == 512
    calls = [span for span in found if attributes(span).get("gen_ai.operation.name") == "chat"]
    assert len(calls) == generator.calls_per_request
    assert 0.59 < len(calls) / len(found) < 0.61
    assert 1_650 < generator.bytes_per_span < 1_800
    for span in found:
        assert NOW - 3_600 * 10**9 < span.start_time_unix_nano < span.end_time_unix_nano <= NOW


def test_parents_are_in_the_request(generator: LoadGenerator) -> None:
    found = list(spans([generator.request(NOW)]))
    where = {span.span_id: span.trace_id for span in found}
    assert len(where) == 512
    roots = [span for span in found if not span.parent_span_id]
    assert len({span.trace_id for span in found}) == len(roots) == 103
    assert all(where[span.parent_span_id] == span.trace_id for span in found if span.parent_span_id)


def test_texts_are_distinct_and_ids_never_repeat(generator: LoadGenerator) -> None:
    bodies = [generator.request(NOW) for _ in range(12)]
    every = [text for body in bodies for text in texts(body)]
    assert len(set(every)) == len(every)
    ids = [(span.trace_id, span.span_id) for span in spans(bodies)]
    assert len(set(ids)) == len(ids)
    answers = [attributes(span).get("gen_ai.response.id") for span in spans(bodies)]
    assert len({each for each in answers if each}) == sum(each is not None for each in answers)


def first_text(body: bytes) -> str:
    return texts_of(attributes(next(spans([body]))))[0]


def test_unique_texts_never_repeat() -> None:
    generator = LoadGenerator(6, unique=True)
    first = [first_text(generator.request(NOW)) for _ in range(70)]
    assert len(set(first)) == 70
    plain = LoadGenerator(6)
    assert len({first_text(plain.request(NOW)) for _ in range(70)}) == 32


def test_the_same_seed_gives_the_same_bodies() -> None:
    one, two, other = LoadGenerator(9), LoadGenerator(9), LoadGenerator(10)
    assert [one.request(NOW) for _ in range(3)] == [two.request(NOW) for _ in range(3)]
    assert one.request(NOW) != other.request(NOW)


def test_texts_compress_like_prose(generator: LoadGenerator) -> None:
    texts = generator.texts()
    assert len(texts) > 1_000_000
    assert 2.3 <= len(texts) / len(zstandard.ZstdCompressor(level=3).compress(texts)) <= 3.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=1, max_size=12), st.integers(0, 1000))
def test_texts_fill_their_places_and_nothing_else(sizes: list[int], seed: int) -> None:
    size = np.array(sizes, np.int64)
    start = np.cumsum(size + 1) - size
    target = np.zeros(int((size + 1).sum()) + 1, np.uint8)
    Writer(seed).fill(target, start, size)
    written = np.zeros(target.size, bool)
    for at, length in zip(start, size, strict=True):
        written[at : at + length] = True
    assert not target[~written].any()
    assert all(byte in b" .,abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" for byte in target[written])


def test_the_kernel_reads_no_byte_outside_its_tables() -> None:
    language, size = _language._language(), 4000
    target = np.empty(size, np.uint8)
    state = np.array([11], np.uint64)
    plain = getattr(_language._fill, "py_func")  # noqa: B009 - numba adds it
    with np.errstate(over="ignore"):
        plain(target, np.zeros(1, np.int64), np.array([size]), language.letters, language.start, language.next, state)
    assert target.tobytes().decode() == Writer(5).text(size)


def test_a_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(IndexError):
        Writer(1).fill(np.zeros(10, np.uint8), np.array([5]), np.array([6]))


values = st.text(max_size=300) | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
maps = st.dictionaries(st.text(max_size=200), values | st.lists(st.text(max_size=5), max_size=3), max_size=4)


@given(maps, maps, st.integers(0, 2**63), st.text(max_size=3000), st.binary(min_size=8, max_size=8))
def test_spans_are_encoded_as_protobuf_reads_them(
    given_: dict[str, Any], noted: dict[str, Any], start: int, name: str, parent: bytes
) -> None:
    event = Event(start, name, noted)
    record = SpanRecord(b"t" * 16, b"s" * 8, parent, name, 3, start, start + 1, given_, (event,), 2, name)
    span = Span.FromString(encode_span(record))
    assert (span.trace_id, span.span_id, span.parent_span_id) == (b"t" * 16, b"s" * 8, parent)
    assert (span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano) == (name, 3, start, start + 1)
    assert (span.status.code, span.status.message) == (2, name)
    assert read(span) == given_
    assert read(span.events[0]) == noted


def read(owner: Any) -> dict[str, Any]:
    return {
        key: [each.string_value for each in value.values] if hasattr(value, "values") else value
        for key, value in attributes(owner).items()
    }


def test_requests_hold_one_resource() -> None:
    body = ExportTraceServiceRequest.FromString(LoadGenerator(1).request(NOW))
    (resource,) = body.resource_spans
    assert {each.key for each in resource.resource.attributes} >= {"service.name", "service.instance.id"}
