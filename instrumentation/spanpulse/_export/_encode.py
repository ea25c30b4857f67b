"""Spans and events to batches: protobuf of one resource each, bounded in records and bytes.

Guarantee: every record given is in exactly one batch, in order within a resource, or is told to ``lose``; one that
cannot be encoded takes no other one with it. A batch is larger than `TARGET` only where a record is; none is larger
than `LARGEST` and its resource.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

from spanpulse._export._cut import shorten
from spanpulse._export._forks import IMPORTS
from spanpulse._export._key import resource_key
from spanpulse._export._mask import Masking
from spanpulse._export._transport import Batch, Signal
from spanpulse._log import say_once

__all__ = ["LARGEST", "MOST_RECORDS", "TARGET", "batches_of", "encode_events", "encode_spans"]

MOST_RECORDS: Final = 512
TARGET: Final = 512 * 1024  # bytes
AT_ONCE: Final = 4  # spans, about a quarter of a millisecond
LARGEST: Final = 900_000  # bytes of a record: Kafka takes messages of a million
AROUND: Final = 8  # bytes of the tag and length of a record

Lose = Callable[[Signal, int, str], None]


class _Fields(NamedTuple):
    resources: str
    scopes: str
    records: str


FIELDS: Final[dict[Signal, _Fields]] = {
    "traces": _Fields("resource_spans", "scope_spans", "spans"),
    "logs": _Fields("resource_logs", "scope_logs", "log_records"),
}


def encode_spans(spans: Iterable[Any], masking: Masking, lose: Lose) -> Iterator[Batch]:
    """Yield batches of ended spans."""

    def build(some: Sequence[Any]) -> Any:
        with IMPORTS.block():
            from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode  # noqa: PLC0415

        return encode(cast("Sequence[Any]", _one_by_one(some, masking)))

    for same in _grouped((span.resource, span) for span in spans):
        yield from _encode("traces", same, build, lose)


def _one_by_one(spans: Sequence[Any], masking: Masking) -> Iterator[Any]:
    """Yield spans to encode, and between them the interpreter: an application that waits for it waits 5 ms else."""
    for place, span in enumerate(spans):
        yield masking.span(span)
        if place % AT_ONCE == 0:
            time.sleep(0)


def encode_events(events: Iterable[tuple[Any, Any]], scope: str, version: str, lose: Lose) -> Iterator[Batch]:
    """Yield batches of events, each given with its resource."""
    for same in _grouped((resource, (event, resource)) for event, resource in events):

        def build(some: Sequence[Any]) -> Any:
            with IMPORTS.block():
                from spanpulse._events import request_of  # noqa: PLC0415 -- it needs the SDK

            return request_of([event for event, _ in some], some[0][1], scope, version)

        yield from _encode("logs", same, build, lose)


def batches_of(signal: Signal, request: Any) -> Iterator[Batch]:
    """Yield the batches of an Export*ServiceRequest message of one resource."""
    names = FIELDS[signal]
    (whole,) = getattr(request, names.resources)
    key = resource_key(whole.resource)
    body = request.SerializeToString()
    if len(body) <= TARGET:
        yield Batch(
            signal, body, sum(len(getattr(scope, names.records)) for scope in getattr(whole, names.scopes)), key
        )
        return
    for part, count in _divided(request, names):
        yield Batch(signal, part.SerializeToString(), count, key)


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Sequence[Any]]:
    """Yield what has the same resource, at most `MOST_RECORDS` at once: a provider's spans share one object."""
    groups: dict[int, list[Any]] = {}
    for resource, each in pairs:
        groups.setdefault(id(resource), []).append(each)
    for group in groups.values():
        for start in range(0, len(group), MOST_RECORDS):
            yield group[start : start + MOST_RECORDS]


def _encode(signal: Signal, some: Sequence[Any], build: Callable[[Sequence[Any]], Any], lose: Lose) -> Iterator[Batch]:
    try:
        made = list(batches_of(signal, build(some)))
    except Exception as error:  # noqa: BLE001 -- whatever an instrumentation put there
        if len(some) > 1:
            for each in some:
                yield from _encode(signal, [each], build, lose)
        else:
            say_once(f"a span or event could not be encoded ({type(error).__name__})", error)
            lose(signal, 1, "not_encodable")
        return
    yield from made


def _divided(request: Any, names: _Fields) -> Iterator[tuple[Any, int]]:
    """Yield requests of some of the records each, and how many these are."""
    (whole,) = getattr(request, names.resources)
    part: Any = None
    size = count = 0
    for scope in getattr(whole, names.scopes):
        scoped = None
        for record in getattr(scope, names.records):
            if record.ByteSize() > LARGEST:
                shorten(record, LARGEST)
            cost = record.ByteSize() + AROUND
            if part is None or size + cost > TARGET:
                if part is not None:
                    yield part, count
                part, scoped, size, count = type(request)(), None, 0, 0
                resource = getattr(part, names.resources).add(schema_url=whole.schema_url)
                resource.resource.CopyFrom(whole.resource)
            if scoped is None:
                scoped = getattr(resource, names.scopes).add(schema_url=scope.schema_url)
                scoped.scope.CopyFrom(scope.scope)
            getattr(scoped, names.records).append(record)
            size, count = size + cost, count + 1
    yield part, count
