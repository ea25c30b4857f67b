"""Pieces of a file become requests of OTLP in protobuf, whatever each of them is: JSON, protobuf, compressed or not.

A line or message that is no request is a `ValueError` with the reason. Traces and logs are told apart by what a
piece holds; metrics are known and not kept.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

import orjson

from spanpulse_stream.decode import InvalidJson, json_to_protobuf, json_values
from spanpulse_stream.importing._chunk import Request
from spanpulse_stream.importing._inflate import unpacked
from spanpulse_stream.importing._pieces import LONGEST
from spanpulse_stream.importing._signal import signal_of
from spanpulse_stream.log import Signal

__all__ = ["METRICS", "requests_of"]

METRICS: Final = "metrics"
NAMES: Final[dict[Signal, tuple[bytes, ...]]] = {
    "traces": (b'"resourceSpans"', b'"resource_spans"'),
    "logs": (b'"resourceLogs"', b'"resource_logs"'),
}
KEYS: Final = {name.strip(b'"').decode() for names in NAMES.values() for name in names}
METRIC_KEYS: Final = {"resourceMetrics", "resource_metrics"}
OLD: Final = b'"instrumentationLibrary'  # what a scope was called until 2022
OLD_NAMES: Final = re.compile(OLD + rb'(Spans|Logs|)"(?=\s*:)')
OBJECT: Final = b"{"
SURELY_SMALL: Final = 4 * 1024 * 1024  # bytes of JSON whose values nobody counts
MOST_BYTES: Final = 1024 * 1024 * 1024  # that the values of one line may take
VALUE_BYTES: Final = 80  # of a Python object and the place that holds it
BLANKS: Final = b" \t\r"  # no newline: it is the tag that requests in protobuf begin with


def requests_of(
    data: bytes, signal: Signal | None, *, json_only: bool = False
) -> Iterator[Request | Literal["metrics"]]:
    """Give the requests that a piece holds, or METRICS for one of metrics.

    ``signal`` is what protobuf holds, where the caller knows; else it is told by its records. ``json_only`` says that
    it can be nothing but JSON. Raises ValueError.
    """
    data = data if json_only else unpacked(data, LONGEST)
    if json_only or data.lstrip(BLANKS).startswith(OBJECT):
        yield from _of_json(data)
        return
    found = signal or signal_of(data)
    if found == METRICS:
        yield METRICS
    elif found is not None:
        yield Request(found, data)


def _of_json(data: bytes) -> Iterator[Request | Literal["metrics"]]:
    if len(data) > SURELY_SMALL and json_values(data) * VALUE_BYTES > MOST_BYTES:
        raise ValueError(f"its values would take more than {MOST_BYTES} bytes of memory")
    data = OLD_NAMES.sub(rb'"scope\1"', data) if OLD in data else data
    signals = [signal for signal, names in NAMES.items() if any(name in data for name in names)]
    try:
        requests = [Request(signal, json_to_protobuf(data, signal)) for signal in signals]
    except InvalidJson as error:
        raise ValueError(str(error).replace("the body", "it", 1)) from None
    if any(request.body for request in requests):
        yield from (request for request in requests if request.body)
    elif _keys(data) & METRIC_KEYS:
        yield METRICS


def _keys(data: bytes) -> set[str]:
    """Return the names at the top of a line that holds no span and no log record. Raises ValueError."""
    keys = set(_object(data))
    if keys and not keys & (KEYS | METRIC_KEYS):
        raise ValueError("it has neither resourceSpans nor resourceLogs at its top")
    return keys


def _object(data: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object of JSON")  # noqa: TRY004 -- of the file, not of the program
    return found
