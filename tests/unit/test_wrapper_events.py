"""Events as OTLP: what OTLP has no value for is left out, and nothing raises for it."""

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.resources import Resource

from spanpulse._events import Event
from spanpulse._export._encode import encode_events
from wrapper_scoring import values

RESOURCE = Resource({"service.name": "shop"}, "https://example.org/schema")


def sent(*events: Event) -> Any:
    """Return the logs of one resource that events become."""

    def lose(*told: object) -> None:
        raise AssertionError(told)

    (batch,) = encode_events([(event, RESOURCE) for event in events], "scope", "1", lose)
    (whose,) = ExportLogsServiceRequest.FromString(batch.body).resource_logs
    return whose


def test_a_request_has_resource_scope_and_events() -> None:
    whose = sent(Event("e", 5, {"a": 1}, 6, 7, 1), Event("f", 8))
    assert (values(whose.resource.attributes), whose.schema_url) == ({"service.name": "shop"}, RESOURCE.schema_url)
    (scoped,) = whose.scope_logs
    assert (scoped.scope.name, scoped.scope.version) == ("scope", "1")
    first, second = scoped.log_records
    assert (first.event_name, first.time_unix_nano, first.observed_time_unix_nano, first.flags) == ("e", 5, 5, 1)
    assert (first.trace_id, first.span_id) == ((6).to_bytes(16, "big"), (7).to_bytes(8, "big"))
    assert (second.event_name, second.trace_id, second.span_id, len(second.attributes)) == ("f", b"", b"", 0)


@pytest.mark.parametrize(
    ("value", "read"),
    [(True, True), (7, 7), (-(2**63), -(2**63)), (0.5, 0.5), ("a", "a"), (b"a", b"a"), ("\ud800a", "?a"), ("", "")],
)
def test_values_keep_their_kind(value: Any, read: Any) -> None:
    whose = sent(Event("e", 1, {"k": value}))
    found = values(whose.scope_logs[0].log_records[0].attributes)["k"]
    assert (type(found), found) == (type(read), read)


def test_sequences_are_arrays_of_what_can_be_in_one() -> None:
    whose = sent(Event("e", 1, {"k": (1, None, "a"), "n": []}))  # type: ignore[dict-item]
    found = values(whose.scope_logs[0].log_records[0].attributes)
    assert [each.WhichOneof("value") for each in found["k"].values] == ["int_value", "string_value"]
    assert list(found["n"].values) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63, None, object(), {"a": 1}])
def test_what_is_no_value_is_left_out(value: Any) -> None:
    whose = sent(Event("e", 1, {"k": value, "a": 1}))
    assert values(whose.scope_logs[0].log_records[0].attributes) == {"a": 1}
