"""From a body's bytes to the messages of the log: decompress, make protobuf of JSON, check, cut.

Pure but for the memory it asks for.
"""

from dataclasses import dataclass

from spanpulse_stream.decode import InvalidJson, Limits, Malformed, Rejected, check, values_to_protobuf
from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._inflate import inflate
from spanpulse_stream.gateway._json import json_request
from spanpulse_stream.gateway._limits import RequestLimits, Reservation
from spanpulse_stream.gateway._resource import partition_of, resource_key
from spanpulse_stream.gateway._split import split_request
from spanpulse_stream.gateway._wire import Allowance, TooManyFields
from spanpulse_stream.log import TOPIC, Message, Signal

__all__ = ["Intake", "Sender", "messages_of", "prepare"]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: ``tenant`` by its key, ``peer`` by its address; ``key`` is the SHA-256 of the key, b'' for none."""

    tenant: str
    peer: str
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Intake:
    """A request that may be accepted: ``records`` in all, ``rejected`` of them unreadable, ``size`` bytes."""

    messages: list[Message]
    records: int
    rejected: list[Rejected]
    size: int


def prepare(
    body: bytes,
    signal: Signal,
    encoding: str,
    sender: Sender,
    *,
    as_json: bool,
    limits: RequestLimits,
    decoding: Limits,
    partitions: int,
    held: Reservation,
) -> Intake:
    """Return the messages of a body. Raises RequestRefused (400, 413, 429).

    The same body of the same sender always gives the same messages.
    """
    body = inflate(body, encoding, limits, held.grow)
    if as_json:
        body = _protobuf(body, signal, limits, held)
    return _checked(body, signal, sender, limits, decoding, partitions)


def messages_of(
    body: bytes, signal: Signal, sender: Sender, *, limits: RequestLimits, decoding: Limits, partitions: int
) -> list[Message]:
    """Return the messages of a request in protobuf. Raises RequestRefused (400)."""
    return _checked(body, signal, sender, limits, decoding, partitions).messages


def _checked(
    body: bytes, signal: Signal, sender: Sender, limits: RequestLimits, decoding: Limits, partitions: int
) -> Intake:
    """Check a request and cut it into messages."""
    try:
        checked = check(body, signal, decoding)
    except Malformed as error:
        raise RequestRefused(400, str(error)) from None
    allowance = Allowance()
    try:
        pieces = split_request(
            body,
            checked.records,
            lambda start, end: resource_key(body, start, end, sender.peer, allowance),
            limits.most_message_bytes,
            allowance,
        )
    except TooManyFields as error:
        raise RequestRefused(400, str(error)) from None
    messages = [
        Message(
            TOPIC,
            partition_of(piece.key, partitions),
            piece.key,
            piece.value,
            _headers(signal, sender.tenant, piece.records),
            piece.records,
        )
        for piece in pieces
    ]
    return Intake(messages, checked.records, checked.rejected, len(body))


def _protobuf(body: bytes, signal: Signal, limits: RequestLimits, held: Reservation) -> bytes:
    """Return a body of JSON as protobuf."""
    request = json_request(body, signal, limits, held)
    try:
        return values_to_protobuf(request, signal)
    except InvalidJson as error:
        raise RequestRefused(400, str(error)) from None


def _headers(signal: Signal, tenant: str, records: int) -> tuple[tuple[str, bytes], ...]:
    return ("signal", signal.encode()), ("tenant", tenant.encode()), ("records", str(records).encode())
