"""Decode and normalise message bodies, and cut exports into requests of one span."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from spanpulse_stream.columns import Numbers, Origin, SpanColumns, Words
from spanpulse_stream.decode import decode_spans
from spanpulse_stream.normalise import KEYS, Rejection, normalise_spans

RECEIVED_MS = 1_795_900_000_000


@dataclass(frozen=True)
class Normalised:
    """A batch of canonical spans, read by name."""

    columns: SpanColumns
    rejected: list[Rejection]

    def column(self, name: str) -> list[object]:
        """Return a column as Python values, None for NULL."""
        return as_list(getattr(self.columns, name))

    def rows(self, *names: str) -> list[tuple[object, ...]]:
        """Return some columns by row."""
        return list(zip(*map(self.column, names), strict=True))

    def one(self, name: str) -> object:
        """Return a column of the only span."""
        (value,) = self.column(name)
        return value

    def attributes(self) -> dict[str, str]:
        """Return the remaining attributes of the only span."""
        (pairs,) = self.columns.attributes.to_pylist()
        return dict(pairs)


def as_list(column: object) -> list[object]:
    if isinstance(column, Words):
        return list(column.tolist())
    if isinstance(column, Numbers):
        return [int(v) if ok else None for v, ok in zip(column.values, column.valid, strict=True)]
    if hasattr(column, "to_pylist"):
        return list(column.to_pylist())
    assert isinstance(column, np.ndarray)
    return list(column.tolist())


def origin(count: int, first: int = 0, received_at: int = RECEIVED_MS, tenant: str = "default") -> Origin:
    return Origin(
        log_source=1,
        log_offset=np.arange(first, first + count, dtype=np.int64),
        received_at=np.full(count, received_at, np.int64),
        tenant=Words.constant(count, tenant),
    )


def normalised(bodies: Sequence[bytes], first: int = 0, received_at: int = RECEIVED_MS) -> Normalised:
    columns, rejected = normalise_spans(decode_spans(bodies, KEYS), origin(len(bodies), first, received_at))
    return Normalised(columns, rejected)


def one_span_requests(bodies: Sequence[bytes]) -> list[bytes]:
    """Return every span as a request of its own, in the order in which they were sent."""
    return [
        ExportTraceServiceRequest(
            resource_spans=[
                ResourceSpans(resource=group.resource, scope_spans=[ScopeSpans(scope=scope.scope, spans=[span])])
            ]
        ).SerializeToString()
        for body in bodies
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def one_record_requests(bodies: Sequence[bytes]) -> list[bytes]:
    """Return every log record as a request of its own, in the order in which they were sent."""
    return [
        ExportLogsServiceRequest(
            resource_logs=[
                ResourceLogs(resource=group.resource, scope_logs=[ScopeLogs(scope=scope.scope, log_records=[record])])
            ]
        ).SerializeToString()
        for body in bodies
        for group in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]


def shuffled(requests: Sequence[bytes], seed: int) -> list[bytes]:
    order = list(requests)
    random.Random(seed).shuffle(order)
    return order
