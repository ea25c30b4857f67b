"""What messages hold, by the topic that they come from."""

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from otlp.requests import some_traces
from spanpulse_sinks.clickhouse._batch import MAX_BYTES
from spanpulse_stream.cluster._reading import reading
from spanpulse_stream.decisions import HEADERS, SIGNAL
from spanpulse_stream.decode import InvalidJson, json_to_protobuf
from spanpulse_stream.pipeline import Incoming
from spanpulse_stream.pipeline._encoding import as_protobuf
from spanpulse_stream.pipeline._size import LARGEST_MESSAGE, MOST_BYTES, allowed
from spanpulse_stream.settings import Settings

SETTINGS = Settings.model_validate(
    {"kafka_collector_topics": ("spans:traces:otlp_proto", "json:logs:otlp_json:acme", "other:traces:otlp_json")}
)


def message(topic: str, value: bytes = b"x", stamp: float = 1_700_000_000.123, kind: int = 1, **headers: bytes) -> Any:
    return SimpleNamespace(
        topic=topic,
        partition=0,
        offset=7,
        timestamp=stamp,
        timestamp_type=kind,
        headers=list(headers.items()),
        value=value,
    )


def test_a_gateway_says_in_headers_what_it_sends() -> None:
    found = reading(SETTINGS)(message("spanpulse.otlp", b"x" * 100, signal=b"logs", tenant=b"acme", records=b"12"))
    assert (found.signal, found.tenant, found.records, found.encoding) == ("logs", "acme", 12, "otlp_proto")
    assert found.appended_at == 1_700_000_000_123


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("spans", ("traces", "default", "otlp_proto")),
        ("json", ("logs", "acme", "otlp_json")),
        ("other", ("traces", "default", "otlp_json")),
    ],
)
def test_a_collectors_message_is_known_by_its_topic(topic: str, expected: tuple[str, str, str]) -> None:
    found = reading(SETTINGS)(message(topic, signal=b"metrics", tenant=b"somebody", records=b"99999"))
    assert (found.signal, found.tenant, found.encoding) == expected
    assert found.records == 1


@pytest.mark.parametrize(
    ("topic", "expected"), [("spanpulse.otlp", "otlp_proto"), ("spans", "otlp_proto"), ("other", "otlp_json")]
)
def test_decisions_say_what_they_are_in_every_topic(topic: str, expected: str) -> None:
    found = reading(SETTINGS)(message(topic, **dict(HEADERS)))
    assert (found.signal, found.encoding, found.records) == (SIGNAL, expected, 0)
    assert as_protobuf(found) is found


@pytest.mark.parametrize("kind", [0, 1])
def test_stamps_that_say_nothing_are_replaced_and_told_of_now_and_then(
    kind: int, caplog: pytest.LogCaptureFixture
) -> None:
    read, value = reading(SETTINGS), some_traces(2, 1)
    for stamp in (-0.001, 0.0, 4.6e15, *[0.0] * 12):
        found = read(message("spans", value, stamp, kind))
        assert (found.appended_at, found.unreadable) == (1_700_000_001_000, "")
    assert read(message("spans", b"garbage", -0.001, kind)).reason == "received_at_unusable"
    assert [line.args[-1] for line in caplog.records if isinstance(line.args, tuple)] == [1, 10]


def test_a_producers_stamp_holds_unless_a_record_is_later() -> None:
    read, value = reading(SETTINGS), some_traces(1, 1)
    assert read(message("spans", value, 1_690_000_000.0, kind=1)).appended_at == 1_690_000_000_000
    assert read(message("spans", value, 1_690_000_000.0, kind=0)).appended_at == 1_700_000_001_000
    assert read(message("spans", value, 1_710_000_000.0, kind=0)).appended_at == 1_710_000_000_000
    assert read(message("spans", b"garbage", 1_690_000_000.0, kind=0)).appended_at == 1_690_000_000_000


def of_json(value: bytes) -> Incoming:
    return Incoming(1, 0, "default", "traces", 1, value, "otlp_json")


def test_json_becomes_protobuf() -> None:
    text = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","name":"a"}]}]}]}'
    assert as_protobuf(of_json(text)).value == json_to_protobuf(text, "traces")


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\xfe", b"[1]", b'"text"'])
def test_what_is_no_json_is_marked_and_keeps_its_bytes_for_a_dead_letter(value: bytes) -> None:
    with pytest.raises(InvalidJson):
        json_to_protobuf(value, "traces")
    found = as_protobuf(of_json(value))
    assert found.value == value
    assert found.unreadable.startswith("the body is not")


@pytest.mark.parametrize(("signal", "encoding"), [("traces", "otlp_proto"), ("logs", "otlp_json"), ("x", "otlp_proto")])
def test_what_is_too_large_is_marked_before_anything_reads_it(signal: str, encoding: str) -> None:
    value = bytes(LARGEST_MESSAGE + 1)
    found = as_protobuf(Incoming(1, 0, "default", signal, 1, value, encoding))
    assert (found.reason, found.value) == ("too_large", value)
    assert f"{len(value)} bytes" in found.unreadable
    assert hashlib.sha256(value).hexdigest() in found.unreadable
    assert as_protobuf(found) is found


def test_the_largest_is_read() -> None:
    largest = Incoming(1, 0, "default", "traces", 1, bytes(LARGEST_MESSAGE))
    assert as_protobuf(largest) is largest


@pytest.mark.parametrize(("size", "records"), [(LARGEST_MESSAGE, 1), (LARGEST_MESSAGE, 10**9), (100, 10**9), (0, 0)])
def test_no_message_may_take_more_than_an_insert_holds(size: int, records: int) -> None:
    assert allowed(size, records) <= MOST_BYTES < MAX_BYTES


def test_protobuf_is_left_alone() -> None:
    plain = Incoming(1, 0, "default", "traces", 1, some_traces(2, 1))
    assert as_protobuf(plain) is plain
