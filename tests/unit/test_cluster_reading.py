"""What messages hold, by the topic that they come from."""

from types import SimpleNamespace
from typing import Any

import pytest

from otlp.requests import some_traces
from spanpulse_stream.cluster._reading import reading
from spanpulse_stream.decisions import HEADERS, SIGNAL
from spanpulse_stream.decode import InvalidJson, json_to_protobuf
from spanpulse_stream.pipeline import Incoming
from spanpulse_stream.pipeline._encoding import as_protobuf
from spanpulse_stream.settings import Settings

SETTINGS = Settings.model_validate(
    {"kafka_collector_topics": ("spans:traces:otlp_proto", "json:logs:otlp_json:acme", "other:traces:otlp_json")}
)


def message(topic: str, value: bytes = b"x", **headers: bytes) -> Any:
    return SimpleNamespace(
        topic=topic, offset=7, timestamp=1_700_000_000.123, headers=list(headers.items()), value=value
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


def test_protobuf_is_left_alone() -> None:
    plain = Incoming(1, 0, "default", "traces", 1, some_traces(2, 1))
    assert as_protobuf(plain) is plain
