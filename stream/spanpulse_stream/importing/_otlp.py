"""Pieces of a file become requests of OTLP in protobuf, whatever each of them is: JSON, protobuf, compressed or not.

A line or message that is no request is a `ValueError` with the reason. Traces and logs are told apart by what a
piece holds; metrics are known and not kept.
"""

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
METRIC_NAMES: Final = (b'"resourceMetrics"', b'"resource_metrics"')
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
    signals = [signal for signal, names in NAMES.items() if any(name in data for name in names)]
    try:
        for signal in signals:
            yield Request(signal, json_to_protobuf(data, signal))
    except InvalidJson as error:
        raise ValueError(str(error).replace("the body", "it", 1)) from None
    if signals:
        return
    found = _object(data)
    if found and not any(name in data for name in METRIC_NAMES):
        raise ValueError("it has neither resourceSpans nor resourceLogs")
    if found:
        yield METRICS


def _object(data: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object of JSON")  # noqa: TRY004 -- of the file, not of the program
    return found
