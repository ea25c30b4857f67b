"""Pieces of a file become requests of OTLP in protobuf, whatever each of them is: JSON, protobuf, compressed or not.

A line or message that is no request is a `ValueError` with the reason. Traces and logs are told apart by what a
piece holds; metrics are known and not kept.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from spanpulse_stream.decode import InvalidJson, json_values, read_json, values_to_protobuf
from spanpulse_stream.importing._chunk import Request
from spanpulse_stream.importing._inflate import unpacked
from spanpulse_stream.importing._pieces import LONGEST
from spanpulse_stream.importing._signal import signal_of
from spanpulse_stream.log import Signal

__all__ = ["METRICS", "requests_of"]

METRICS: Final = "metrics"
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs")
NAMES: Final[dict[str, Signal | Literal["metrics"]]] = {
    "resourceSpans": "traces",
    "resource_spans": "traces",
    "resourceLogs": "logs",
    "resource_logs": "logs",
    "resourceMetrics": "metrics",
    "resource_metrics": "metrics",
}
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
    try:
        found = read_json(data)
        told = {NAMES[name] for name in _object(found) if name in NAMES}
        requests = [Request(signal, values_to_protobuf(found, signal)) for signal in SIGNALS if signal in told]
    except InvalidJson as error:
        raise ValueError(str(error).replace("the body", "it", 1)) from None
    if found and not told:
        raise ValueError("it has neither resourceSpans nor resourceLogs at its top")
    yield from (request for request in requests if request.body)
    if METRICS in told:
        yield METRICS


def _object(found: object) -> dict[str, object]:
    if not isinstance(found, dict):
        raise ValueError("it is no object of JSON")  # noqa: TRY004 -- of the file, not of the program
    return found
