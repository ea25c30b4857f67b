"""What the receiver answers, as OTLP has it: an Export*ServiceResponse, or a google.rpc.Status for any error.

A sender that speaks JSON gets its answers in JSON. No answer holds anything of the request's body or its key.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from spanpulse_stream.decode import Rejected
from spanpulse_stream.gateway._wire import length_delimited, varint_field
from spanpulse_stream.log import Signal

__all__ = ["JSON", "PROTOBUF", "REFUSALS", "Answer", "RequestRefused", "accepted", "partial_success"]

PROTOBUF = b"application/x-protobuf"
JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
NAMED_REASONS = 5
UNKNOWN = 2
# google.rpc.Code by HTTP status
RPC_CODES = {400: 3, 401: 16, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 8, 431: 3, 500: 13, 503: 14}
REFUSALS = tuple(RPC_CODES)
"""HTTP statuses that say that nothing of a request was taken."""
BAD_REQUEST_TYPE = b"type.googleapis.com/google.rpc.BadRequest"
RETRY_INFO_TYPE = b"type.googleapis.com/google.rpc.RetryInfo"
PARTS = {"traces": "spans", "logs": "log records"}
REJECTED = {"traces": "rejectedSpans", "logs": "rejectedLogRecords"}

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP response."""

    status: int
    body: bytes
    content_type: bytes = PROTOBUF
    headers: Headers = field(default_factory=list)


class RequestRefused(Exception):  # noqa: N818 -- the answer to a request, not a fault
    """The request is not taken; ``status`` is the HTTP code and the message is for the sender's developer.

    ``retry_after_s`` seconds are named to the sender where it may try again (429, 503); ``records`` is how many
    spans or log records are refused where that is known; ``close`` ends the connection.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_s: float | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        records: int = 0,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s
        self.headers = tuple(headers)
        self.records = records
        self.close = close

    def answer(self, *, as_json: bool = False, as_text: bool = False) -> Answer:
        """Return the response that says so: a google.rpc.Status, or a line of text for a person."""
        headers = list(self.headers)
        if self.retry_after_s is not None:
            headers.append((b"retry-after", str(max(1, math.ceil(self.retry_after_s))).encode()))
        if self.close:
            headers.append((b"connection", b"close"))
        if as_text:
            return Answer(self.status, self.message.encode() + b"\n", TEXT, headers)
        if as_json:
            return Answer(self.status, json.dumps({"code": self.code, "message": self.message}).encode(), JSON, headers)
        return Answer(self.status, self.rpc_status(), PROTOBUF, headers)

    @property
    def code(self) -> int:
        """The google.rpc.Code."""
        return RPC_CODES.get(self.status, UNKNOWN)

    def rpc_status(self) -> bytes:
        """Return a google.rpc.Status: what was wrong with the request, or when the sender may try again."""
        message = self.message.encode()
        status = varint_field(1, self.code) + length_delimited(2, message)
        if self.status == 400:
            violation = length_delimited(1, b"body") + length_delimited(2, message)
            status += _detail(BAD_REQUEST_TYPE, length_delimited(1, violation))
        if self.retry_after_s is not None:
            seconds = max(1, math.ceil(self.retry_after_s))
            status += _detail(RETRY_INFO_TYPE, length_delimited(1, varint_field(1, seconds)))
        return status


def _detail(kind: bytes, content: bytes) -> bytes:
    return length_delimited(3, length_delimited(1, kind) + length_delimited(2, content))


def accepted(
    signal: Signal, rejected: Sequence[Rejected], *, lost: int = 0, why_lost: str = "", as_json: bool = False
) -> Answer:
    """Return 200: empty, or with a partial success that names the number of records that were not taken, and why.

    ``rejected`` ones are unreadable and kept as dead letters; ``lost`` ones are not kept, for the reason ``why_lost``.
    """
    said = []
    if rejected:
        reasons = Counter(piece.reason for piece in rejected).most_common(NAMED_REASONS)
        named = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        said.append(f"{len(rejected)} {PARTS[signal]} cannot be read and were kept as dead letters: {named}")
    if lost:
        said.append(f"{lost} {PARTS[signal]} were not taken: {why_lost}")
    return partial_success(REJECTED[signal], len(rejected) + lost, "; ".join(said), as_json=as_json)


def partial_success(counter: str, rejected: int, message: str, *, as_json: bool) -> Answer:
    """Return 200: an Export*ServiceResponse, empty or with ``rejected`` in its ``counter`` (the name in JSON)."""
    if as_json:
        said = {"partialSuccess": {counter: str(rejected), "errorMessage": message}} if rejected else {}
        return Answer(200, json.dumps(said).encode(), JSON)
    if not rejected:
        return Answer(200, b"")
    partial = varint_field(1, rejected) + length_delimited(2, message.encode())
    return Answer(200, length_delimited(1, partial))
