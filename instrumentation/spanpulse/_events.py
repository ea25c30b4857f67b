"""An event of OpenTelemetry (a log record with a name), and the OTLP request that carries several.

The request is built from the messages of OTLP themselves: the logs of the SDK are still moving. Guarantee: what is no
value of OTLP is left out, not raised for. Not guaranteed: an order among events.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.util.types import AttributeValue

if TYPE_CHECKING:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.sdk.resources import Resource

__all__ = ["Event", "request_of"]

LARGEST: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, when, and to which span; ids are 0 where it belongs to none."""

    name: str
    time_ns: int = field(default_factory=time.time_ns)
    """ns since the epoch"""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    trace_id: int = 0
    span_id: int = 0
    trace_flags: int = 0


def request_of(events: Iterable[Event], resource: "Resource", scope: str, version: str) -> "ExportLogsServiceRequest":
    """Return the request that sends events of one resource and scope."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415

    request = ExportLogsServiceRequest()
    whose = request.resource_logs.add(schema_url=resource.schema_url)
    _add_all(whose.resource.attributes, resource.attributes)
    scoped = whose.scope_logs.add()
    scoped.scope.name, scoped.scope.version = scope, version
    for event in events:
        record = scoped.log_records.add(
            event_name=event.name,
            time_unix_nano=event.time_ns,
            observed_time_unix_nano=event.time_ns,
            flags=event.trace_flags,
        )
        if event.trace_id:
            record.trace_id = event.trace_id.to_bytes(16, "big")
        if event.span_id:
            record.span_id = event.span_id.to_bytes(8, "big")
        _add_all(record.attributes, event.attributes)
    return request


def _add_all(target: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        if _is_value(value):
            _set(target.add(key=name).value, value)


def _is_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -LARGEST <= value < LARGEST
    return isinstance(value, str | bytes | Sequence)


def _set(target: Any, value: Any) -> None:
    match value:
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value.encode("utf-8", "replace").decode()
        case bytes():
            target.bytes_value = value
        case _:
            target.array_value.SetInParent()
            for each in value:
                if _is_value(each):
                    _set(target.array_value.values.add(), each)
