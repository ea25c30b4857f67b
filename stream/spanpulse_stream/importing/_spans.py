"""A row becomes a span in OTLP's JSON values, by the mapping of its columns.

Empty values are absent. Ids that a table lacks are made of the file's digest, the row's number and its content: the
same file always gives the same. A row with a model or tokens and no operation is a chat.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import orjson

from spanpulse_stream.importing._columns import Mapping
from spanpulse_stream.importing._fields import Field
from spanpulse_stream.importing._rows import Row
from spanpulse_stream.importing._values import (
    BadValue,
    attribute_of,
    id_of,
    kind_of,
    nanoseconds_of,
    number_of,
    status_of,
    text_of,
)

__all__ = ["ResourceKey", "Spans"]

ResourceKey = tuple[tuple[str, str], ...]
TRACE_BYTES, SPAN_BYTES = 16, 8
OPERATION: Final = "gen_ai.operation.name"
CHAT: Final = "chat"
TOLD_BY: Final = ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.usage.input_tokens")
CLIENT, INTERNAL, ERROR = 3, 1, 2
NAMES: Final = {"trace_id": "traceId", "span_id": "spanId", "parent_span_id": "parentSpanId"}
TIMES: Final = {"start_time": "startTimeUnixNano", "end_time": "endTimeUnixNano"}


class Spans:
    """Makes spans of rows; ``sha256`` is that of the file."""

    def __init__(self, mapping: Mapping, sha256: str) -> None:
        self._columns = [(column.place, column.name, column.field) for column in mapping.columns if column.field]
        self._sha256 = sha256
        self._put: dict[str, Callable[[_Draft, Field, Any], None]] = {
            "trace_id": _put_trace,
            "span_id": _put_span,
            "time": _put_time,
            "seconds": _put_duration,
            "status": _put_status,
            "kind": _put_kind,
        }

    def of(self, row: Row) -> tuple[ResourceKey, dict[str, Any]]:
        """Return the resource of a row and its span. Raises BadValue, which names the column."""
        draft = _Draft()
        for place, name, field in self._columns:
            value = row.values[place]
            if value is None or value == "":
                continue
            try:
                self._put.get(field.kind, _put_other)(draft, field, value)
            except BadValue as error:
                raise BadValue(f"column {name!r}: {error}") from None
        return tuple(sorted(draft.resource.items())), self._finished(draft, row)

    def _finished(self, draft: "_Draft", row: Row) -> dict[str, Any]:
        span = draft.span
        draft.set_times()
        if not {"traceId", "spanId"} <= span.keys():
            made = self._made(row)
            span.setdefault("traceId", made[: 2 * TRACE_BYTES])
            span.setdefault("spanId", made[2 * TRACE_BYTES :][: 2 * SPAN_BYTES])
        is_call = any(name in draft.attributes for name in TOLD_BY)
        if is_call and OPERATION not in draft.attributes:
            draft.attributes[OPERATION] = {"key": OPERATION, "value": {"stringValue": CHAT}}
        span.setdefault("kind", CLIENT if is_call else INTERNAL)
        span.setdefault("name", draft.name(is_call=is_call))
        span["attributes"] = list(draft.attributes.values())
        if draft.status:
            span["status"] = draft.status
        return span

    def _made(self, row: Row) -> str:
        """Return a digest of a row: 64 hexadecimal digits."""
        content = orjson.dumps([self._sha256, row.number, [text_of(value) for value in row.values]])
        return hashlib.sha256(content).hexdigest()


class _Draft:
    """A span while it is made."""

    def __init__(self) -> None:
        self.span: dict[str, Any] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        self.resource: dict[str, str] = {}
        self.status: dict[str, Any] = {}
        self.duration: int | None = None

    def set_times(self) -> None:
        """Complete start and end by the duration; without one a span ends as it starts. Raises BadValue."""
        start, end = (self.span.get(name) for name in TIMES.values())
        if start is None:
            if end is None:
                raise BadValue("it has neither a start nor an end")
            start = end - (self.duration or 0)
        self.span["startTimeUnixNano"] = start
        self.span["endTimeUnixNano"] = start + (self.duration or 0) if end is None else end

    def name(self, *, is_call: bool) -> str:
        """Return the name of a span that has none: as the conventions have it for a call."""
        if not is_call:
            return "imported"
        model = self.attributes.get(TOLD_BY[0]) or self.attributes.get(TOLD_BY[1])
        words = [self.attributes[OPERATION]["value"]["stringValue"]] + (
            [model["value"]["stringValue"]] if model else []
        )
        return " ".join(words)


def _put_trace(draft: _Draft, field: Field, value: Any) -> None:
    if found := id_of(value, TRACE_BYTES):
        draft.span[NAMES[field.name]] = found


def _put_span(draft: _Draft, field: Field, value: Any) -> None:
    if found := id_of(value, SPAN_BYTES):
        draft.span[NAMES[field.name]] = found


def _put_time(draft: _Draft, field: Field, value: Any) -> None:
    draft.span[TIMES[field.name]] = nanoseconds_of(value)


def _put_duration(draft: _Draft, field: Field, value: Any) -> None:
    found = number_of(value, whole=False)
    if not 0 <= found * field.unit < 1 << 62:
        raise BadValue(f"a duration is wanted, not {value!r}")
    draft.duration = round(found * field.unit)


def _put_status(draft: _Draft, _field: Field, value: Any) -> None:
    draft.status["code"] = status_of(value)


def _put_kind(draft: _Draft, _field: Field, value: Any) -> None:
    draft.span["kind"] = kind_of(value)


def _put_other(draft: _Draft, field: Field, value: Any) -> None:
    if field.name == "name":
        draft.span["name"] = text_of(value)
    elif field.name == "status_message":
        draft.status.setdefault("code", ERROR)
        draft.status["message"] = text_of(value)
    elif field.resource:
        draft.resource[field.name] = text_of(value)
    else:
        draft.attributes[field.name] = attribute_of(field.name, field.kind, value)
