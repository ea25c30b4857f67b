"""OTLP metrics are answered so that an SDK that sends them does not fail; how many points were not kept is said.

Only points are counted, nothing is read of them. Not guaranteed: the number for a body that is not a request.
"""

from collections.abc import Iterator
from typing import Any

from spanpulse_stream.gateway._answers import Answer, RequestRefused, partial_success
from spanpulse_stream.gateway._inflate import inflate
from spanpulse_stream.gateway._json import json_request
from spanpulse_stream.gateway._limits import RequestLimits, Reservation
from spanpulse_stream.gateway._split import CHILD
from spanpulse_stream.gateway._wire import LENGTH, Allowance, TooManyFields, fields

__all__ = ["not_kept"]

NOT_KEPT = "spanpulse keeps spans and log records, not metrics: it makes its own from them"
DATA = frozenset((5, 7, 9, 10, 11))  # gauge, sum, histogram, exponential histogram, summary
LEVELS = (*(frozenset((number,)) for number in CHILD), DATA, frozenset((1,)))
POINT = len(LEVELS) - 1
MOST_FIELDS = 200_000  # that are read to count points; a Collector's batch has 8,192 points
KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "exponential_histogram", "summary")


def not_kept(body: bytes, encoding: str, limits: RequestLimits, held: Reservation, *, as_json: bool) -> Answer:
    """Answer an ExportMetricsServiceRequest. Raises RequestRefused (400, 413, 429)."""
    body = inflate(body, encoding, limits, held.grow)
    try:
        points = points_in_json(json_request(body, "metrics", limits, held)) if as_json else points_in_protobuf(body)
    except TooManyFields as error:
        raise RequestRefused(400, str(error)) from None
    except (ValueError, IndexError):
        raise RequestRefused(400, "the body is not an OTLP request of metrics") from None
    return partial_success("rejectedDataPoints", points, NOT_KEPT, as_json=as_json)


def points_in_protobuf(body: bytes) -> int:
    """Count the data points of a request. Raises ValueError, IndexError, and TooManyFields."""
    return _points(body, 0, len(body), 0, Allowance(MOST_FIELDS))


def _points(body: bytes, start: int, end: int, level: int, allowance: Allowance) -> int:
    found = 0
    for field in fields(body, start, end):
        allowance.spend(field)
        number, wire, _, value, last = field
        if number in LEVELS[level] and wire == LENGTH:
            found += 1 if level == POINT else _points(body, value, last, level + 1, allowance)
    return found


def points_in_json(request: dict[str, Any]) -> int:
    """Count the data points of a request in JSON. Raises ValueError."""
    return sum(
        len(_list(metric[kind], "dataPoints", "data_points"))
        for resource in _list(request, "resourceMetrics", "resource_metrics")
        for scope in _list(resource, "scopeMetrics", "scope_metrics")
        for metric in _objects(_list(scope, "metrics"))
        for kind in KINDS
        if metric.get(kind) is not None
    )


def _list(value: Any, *names: str) -> list[Any]:
    """Return the list of an object under the first of its names that it has; null is an empty one."""
    [holder] = _objects([value])
    found = next((holder[name] for name in names if name in holder), None)
    if not isinstance(found, list | None):
        raise ValueError(f"{names[0]} is no list")  # noqa: TRY004 -- of JSON
    return found or []


def _objects(values: list[Any]) -> Iterator[dict[str, Any]]:
    for value in values:
        if not isinstance(value, dict):
            raise ValueError("an object is wanted")  # noqa: TRY004 -- of JSON
        yield value
