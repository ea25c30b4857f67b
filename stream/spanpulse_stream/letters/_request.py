"""A dead letter becomes a request again: its bytes as they came, in the frame that OTLP wants around them.

A whole message is a request already, in protobuf or, where it was set aside as `invalid_json`, in JSON. Of a single
record only the record is kept: its resource and scope are not, so what becomes of it has no service. A record that came
as JSON is kept as that, behind a byte that no record begins with, and is made protobuf anew. What this version would
set aside again is told now, and is no request.
"""

from collections.abc import Mapping
from typing import Any, Final

from spanpulse_stream.decode import InvalidJson, Limits, Malformed, json_to_protobuf, read_json, values_to_protobuf
from spanpulse_stream.gateway import length_delimited
from spanpulse_stream.importing import judge
from spanpulse_stream.letters._letter import Letter
from spanpulse_stream.letters._position import WHOLE_MESSAGE
from spanpulse_stream.log import Signal

__all__ = ["NotReplayable", "request_of"]

JSON: Final = b"\0"
INVALID_JSON: Final = "invalid_json"
FRAMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
}


class NotReplayable(Exception):  # noqa: N818 -- what it is
    """A letter that cannot be sent again, or not yet; the message says why in few words, for counting."""


def request_of(letter: Letter, limits: Limits, now_ms: int) -> tuple[Signal, bytes]:
    """Return the signal of a letter and the request to send. Raises NotReplayable."""
    if (why := letter.missing) is not None:
        raise NotReplayable(why)
    if letter.signal not in FRAMES:
        raise NotReplayable("it is neither of traces nor of logs")
    signal: Signal = "traces" if letter.signal == "traces" else "logs"
    data = letter.data or b""
    if letter.position.ordinal == WHOLE_MESSAGE:
        request = _whole_json(data, signal) if letter.reason == INVALID_JSON else data
    elif data.startswith(JSON):
        request = _of_json(data[len(JSON) :], signal)
    else:
        request = _framed(data)
    _check(request, signal, limits, now_ms)
    return signal, request


def _check(request: bytes, signal: Signal, limits: Limits, now_ms: int) -> None:
    try:
        judged = judge(request, signal, limits, now_ms)
    except Malformed as error:
        raise NotReplayable(f"still {error}") from None
    if not judged.records:
        raise NotReplayable("it holds no record")
    if len(judged.refused) == judged.records:
        raise NotReplayable(f"still {judged.refused[0][1]}")


def _whole_json(text: bytes, signal: Signal) -> bytes:
    """Return the request of a message of JSON."""
    try:
        return json_to_protobuf(text, signal)
    except InvalidJson:
        raise NotReplayable(f"still {INVALID_JSON}") from None


def _of_json(text: bytes, signal: Signal) -> bytes:
    """Return the request of a record in JSON, or of a text that was to be a whole request, as letters once had it."""
    resources, scopes, records = FRAMES[signal]
    try:
        value: Any = read_json(text)
        if isinstance(value, str):
            value = read_json(value.encode())
        if isinstance(value, dict) and resources in value:
            return values_to_protobuf(value, signal)
        return values_to_protobuf({resources: [{scopes: [{records: [value]}]}]}, signal)
    except InvalidJson:
        raise NotReplayable(f"still {INVALID_JSON}") from None


def _framed(record: bytes) -> bytes:
    """Return a request of one record: field 2 of a scope, which is field 2 of a resource, which is field 1."""
    return length_delimited(1, length_delimited(2, length_delimited(2, record)))
