"""OTLP metrics are answered so that an SDK that sends them does not fail; how many points were not kept is said.

Only points are counted, nothing is read of them. Not guaranteed: the number for a body that is not a request.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from spanpulse_stream.gateway._answers import Answer, RequestRefused, partial_success
from spanpulse_stream.gateway._inflate import inflate
from spanpulse_stream.gateway._intake import reserve_json
from spanpulse_stream.gateway._limits import RequestLimits, Reservation
from spanpulse_stream.gateway._split import CHILD
from spanpulse_stream.gateway._wire import LENGTH, fields

__all__ = ["not_kept"]

NOT_KEPT = "spanpulse keeps spans and log records, not metrics: it makes its own from them"
DATA = frozenset((5, 7, 9, 10, 11))  # gauge, sum, histogram, exponential histogram, summary
POINTS = 1
KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def not_kept(body: bytes, encoding: str, limits: RequestLimits, held: Reservation, *, as_json: bool) -> Answer:
    """Answer an ExportMetricsServiceRequest. Raises RequestRefused (400, 413, 429)."""
    body = inflate(body, encoding, limits, held.grow)
    if as_json:
        reserve_json(body, limits, held)
    try:
        points = points_in_json(body) if as_json else points_in_protobuf(body)
    except (ValueError, IndexError):
        raise RequestRefused(400, "the body is not an OTLP request of metrics") from None
    return partial_success("rejectedDataPoints", points, NOT_KEPT, as_json=as_json)


def points_in_protobuf(body: bytes) -> int:
    """Count the data points of a request. Raises ValueError, IndexError."""
    ranges = [(0, len(body))]
    for number in CHILD:
        ranges = [part for start, end in ranges for part in _parts(body, start, end, frozenset((number,)))]
    data = [part for start, end in ranges for part in _parts(body, start, end, DATA)]
    return sum(1 for start, end in data for _ in _parts(body, start, end, frozenset((POINTS,))))


def _parts(body: bytes, start: int, end: int, numbers: frozenset[int]) -> Iterator[tuple[int, int]]:
    for number, wire, _, value, last in fields(body, start, end):
        if number in numbers and wire == LENGTH:
            yield value, last


def points_in_json(body: bytes) -> int:
    """Count the data points of a request in JSON. Raises ValueError."""
    request = orjson.loads(body)
    if not isinstance(request, dict):
        raise ValueError("no object")  # noqa: TRY004 -- of JSON
    return sum(
        len(_list(metric.get(kind, {}), "dataPoints"))
        for resource in _list(request, "resourceMetrics")
        for scope in _list(resource, "scopeMetrics")
        for metric in _list(scope, "metrics")
        if isinstance(metric, dict)
        for kind in KINDS
    )


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []
