"""Spans and events to batches: protobuf of one resource each, bounded in records and bytes.

Guarantee: every record given is in exactly one batch, in order within a resource and scope, or is told to ``lose``; one
that cannot be encoded takes no other one with it. A batch is larger than `TARGET` only where a record is; none is
larger than `LARGEST` and its resource.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spanpulse._export._cut import shortened
from spanpulse._export._forks import IMPORTS
from spanpulse._export._key import resource_key
from spanpulse._export._mask import Masking
from spanpulse._export._transport import Batch, Signal
from spanpulse._export._wire import field, key_values, pairs, record_body, scope_body, span_body, words
from spanpulse._log import say_once

__all__ = ["LARGEST", "MOST_RECORDS", "TARGET", "encode_events", "encode_spans"]

MOST_RECORDS: Final = 512
TARGET: Final = 512 * 1024  # bytes
LARGEST: Final = 900_000  # bytes of a record: Kafka takes messages of a million
AROUND: Final = 8  # bytes of the tag and length of a record
# Requests of spans and of log records number these fields alike.
RESOURCE_AND_SCOPES: Final = b"\x0a"
RESOURCE: Final = b"\x0a"
SCOPE_AND_RECORDS: Final = b"\x12"
SCOPE: Final = b"\x0a"
RECORD: Final = b"\x12"
SCHEMA: Final = b"\x1a"

Lose = Callable[[Signal, int, str], None]
Record = tuple[Any, bytes]
"""The scope of a record, and its message."""


class _Whose(NamedTuple):
    """The resource of a batch: its key, and what of it is written before and behind the records."""

    key: bytes
    before: bytes
    behind: bytes


def encode_spans(
    spans: Iterable[Any], masking: Masking, lose: Lose, breathe: Callable[[], object] = lambda: None
) -> Iterator[Batch]:
    """Yield batches of ended spans; ``breathe`` is called behind each."""

    def encode(span: Any) -> Record:
        seen = masking.span(span)
        try:
            body = span_body(seen)
        except Exception:  # noqa: BLE001 -- a span that is not as this SDK's; its own encoder may know what it is
            body = _encoded_by_sdk(seen)
        breathe()
        return span.instrumentation_scope, body

    for same in _grouped((span.resource, span) for span in spans):
        yield from _batches("traces", same[0].resource, _records("traces", same, encode, lose))


def encode_events(events: Iterable[tuple[Any, Any]], scope: str, version: str, lose: Lose) -> Iterator[Batch]:
    """Yield batches of events, each given with its resource."""
    whole = InstrumentationScope(scope, version)

    def encode(event: tuple[Any, Any]) -> Record:
        return whole, record_body(event[0])

    for same in _grouped((event[1], event) for event in events):
        yield from _batches("logs", same[0][1], _records("logs", same, encode, lose))


def _encoded_by_sdk(span: Any) -> bytes:
    """Return a Span by OpenTelemetry's own encoder. Raises what it does."""
    with IMPORTS.block():
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode  # noqa: PLC0415
    body: bytes = encode([span]).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    return body


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Sequence[Any]]:
    """Yield what has the same resource: a provider's spans share one object."""
    groups: dict[int, list[Any]] = {}
    for resource, each in pairs:
        groups.setdefault(id(resource), []).append(each)
    yield from groups.values()


def _records(signal: Signal, some: Sequence[Any], encode: Callable[[Any], Record], lose: Lose) -> Iterator[Record]:
    for each in some:
        try:
            scope, body = encode(each)
            if len(body) > LARGEST:
                body = shortened(signal, body, LARGEST)
        except Exception as error:  # noqa: BLE001 -- whatever an instrumentation put there
            say_once(f"a span or event could not be encoded ({type(error).__name__})", error)
            lose(signal, 1, "not_encodable")
        else:
            yield scope, body


def _batches(signal: Signal, resource: Any, records: Iterable[Record]) -> Iterator[Batch]:
    """Yield batches of records of one resource."""
    whose = _whose(resource)
    scopes: dict[Any, list[bytes]] = {}
    size = count = 0
    for scope, body in records:
        cost = len(body) + AROUND
        if count == MOST_RECORDS or (count and size + cost > TARGET):
            yield _batch(signal, whose, scopes, count)
            scopes, size, count = {}, 0, 0
        scopes.setdefault(scope, []).append(body)
        size, count = size + cost, count + 1
    if count:
        yield _batch(signal, whose, scopes, count)


def _batch(signal: Signal, whose: _Whose, scopes: dict[Any, list[bytes]], count: int) -> Batch:
    made = [whose.before]
    for scope, bodies in scopes.items():
        parts = [field(SCOPE, scope_body(scope)), *(field(RECORD, body) for body in bodies), _schema(scope)]
        made.append(field(SCOPE_AND_RECORDS, b"".join(parts)))
    return Batch(signal, field(RESOURCE_AND_SCOPES, b"".join((*made, whose.behind))), count, whose.key)


def _whose(resource: Any) -> _Whose:
    attributes = list(pairs(resource.attributes))
    return _Whose(resource_key(attributes), field(RESOURCE, key_values(attributes)), _schema(resource))


def _schema(of: Any) -> bytes:
    return field(SCHEMA, words(of.schema_url)) if of is not None and of.schema_url else b""
