"""Reading a body of JSON within a bound of memory: what its values may take is held before they are made.

Not guaranteed: that a request whose texts are full of commas and braces is not taken for a larger one.
"""

from typing import Any, Final, Literal

from spanpulse_stream.decode import InvalidJson, json_values, read_json
from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._limits import RequestLimits, Reservation
from spanpulse_stream.log import Signal

__all__ = ["json_request"]

VALUE_BYTES: Final = 80  # of a Python object, the place that holds it, and what the parser notes of it
TEXT_BYTES: Final = 3  # for each of the body: the parser's copy, and a string in which a character takes two
WIDE_TEXT_BYTES: Final = 5  # one character beyond the first plane makes all of its string take four
WIDE: Final = (*(bytes((lead,)) for lead in range(0xF0, 0xF5)), b"\\ud", b"\\uD")
LISTS: Final = {
    "traces": ("resourceSpans", "resource_spans"),
    "logs": ("resourceLogs", "resource_logs"),
    "metrics": ("resourceMetrics", "resource_metrics"),
}


def json_request(
    body: bytes, kind: Signal | Literal["metrics"], limits: RequestLimits, held: Reservation
) -> dict[str, Any]:
    """Return a request of this kind as values. Raises RequestRefused (400, 413, 429).

    An object without any field is a request that is empty; one that has others than this kind's is none: whoever sends
    it sends to the wrong place, and should know.
    """
    _reserve(body, limits, held)
    try:
        request = read_json(body)
    except InvalidJson as error:
        raise RequestRefused(400, str(error)) from None
    if not isinstance(request, dict):
        raise RequestRefused(400, "the body is not an OTLP request: it is no object of JSON")
    if request and not any(name in request for name in LISTS[kind]):
        raise RequestRefused(400, f"the body is not an OTLP request of {kind}: it has no {LISTS[kind][0]}")
    return request


def _reserve(body: bytes, limits: RequestLimits, held: Reservation) -> None:
    """Hold the memory that the values of a JSON text will take. Raises RequestRefused (413, 429)."""
    text_bytes = WIDE_TEXT_BYTES if any(part in body for part in WIDE) else TEXT_BYTES
    needed = json_values(body) * VALUE_BYTES + text_bytes * len(body)
    if needed > limits.most_json_bytes:
        message = f"the JSON would take {needed} bytes of memory, more than {limits.most_json_bytes}"
        raise RequestRefused(413, f"{message}: send less at once, or protobuf")
    held.grow_json(needed)
