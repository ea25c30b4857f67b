"""A span while it is made of a row, and how the value of each kind of column is put into it.

What a column's value cannot be costs the row, with two exceptions: words for no value are as an empty one, and a
column that is a status, a kind or a truth only by its name is an attribute where its value is none.
"""

import math
from collections.abc import Callable
from typing import Any, Final

from spanpulse_stream.importing._columns import Column
from spanpulse_stream.importing._fields import LENIENT, Field
from spanpulse_stream.importing._times import nanoseconds_of
from spanpulse_stream.importing._typed import BadValue, Length, bad, readable, text_of
from spanpulse_stream.importing._values import (
    ERROR,
    attribute_of,
    id_of,
    is_no_value,
    kind_of,
    number_of,
    status_of,
    told_of,
)

__all__ = ["Draft", "Put"]

TRACE_BYTES, SPAN_BYTES = 16, 8
OPERATION: Final = "gen_ai.operation.name"
CHAT: Final = "chat"
TOLD_BY: Final = ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.usage.input_tokens")
NAMES: Final = {"trace_id": "traceId", "span_id": "spanId", "parent_span_id": "parentSpanId"}
TEXTS: Final = frozenset(("name", "text", "any", "message"))  # kinds that take every value
TIMES: Final = {"start_time": "startTimeUnixNano", "end_time": "endTimeUnixNano"}


class Draft:
    """A span while it is made of a row; one that ends after ``latest`` can be no row."""

    def __init__(self, latest: int) -> None:
        self._latest = latest
        self.span: dict[str, Any] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        self.resource: dict[str, str] = {}
        self.status: dict[str, Any] = {}
        self.duration: int | None = None

    def set_times(self) -> None:
        """Complete start and end by the duration; without one a span ends as it starts. Raises BadValue."""
        start, end = (self.span.get(name) for name in TIMES.values())
        duration = self.duration or 0
        if start is None:
            if end is None:
                raise BadValue("it has neither a start nor an end")
            start = end - duration
        elif end is None:
            end = start + duration
        if start < 0 or end > self._latest:
            raise BadValue("it begins before 1970" if start < 0 else "it ends more than a day from now")
        self.span["startTimeUnixNano"], self.span["endTimeUnixNano"] = start, end

    def set_operation(self) -> bool:
        """Tell whether it is a call of a model; one that does not say of which kind is a chat."""
        is_call = any(name in self.attributes for name in TOLD_BY)
        if is_call and OPERATION not in self.attributes:
            self.attributes[OPERATION] = {"key": OPERATION, "value": {"stringValue": CHAT}}
        return is_call

    def name(self, *, is_call: bool) -> str:
        """Return the name of a span that has none: as the conventions have it for a call."""
        if not is_call:
            return "imported"
        model = self.attributes.get(TOLD_BY[0]) or self.attributes.get(TOLD_BY[1])
        words = [self.attributes[OPERATION]["value"]["stringValue"]] + (
            [model["value"]["stringValue"]] if model else []
        )
        return " ".join(words)


_Write = Callable[[Draft, Field, Any], None]


class Put:
    """A column, and how its values are put into spans."""

    def __init__(self, column: Column, field: Field) -> None:
        self.place = column.place
        self._name = column.name
        self._field = field
        self._write = _WRITES.get(field.kind) or (_put_resource if field.resource else _put_attribute)
        self._lenient = field.kind in LENIENT and not column.said
        self._texts = field.kind in TEXTS

    def put(self, draft: Draft, value: Any) -> None:
        """Put a value that is not empty. Raises BadValue, which names the column."""
        if isinstance(value, float) and math.isnan(value):
            return
        try:
            self._write(draft, self._field, value if isinstance(value, str) else readable(value))
        except BadValue as error:
            if not self._texts and is_no_value(value):
                return
            if not self._lenient:
                raise BadValue(f"column {self._name!r}: {error}") from None
            draft.attributes[self._name] = attribute_of(self._name, "any", value)


def _put_id(size: int) -> _Write:
    def put(draft: Draft, field: Field, value: Any) -> None:
        if found := id_of(value, size):
            draft.span[NAMES[field.name]] = found

    return put


def _put_time(draft: Draft, field: Field, value: Any) -> None:
    draft.span[TIMES[field.name]] = nanoseconds_of(value)


def _put_duration(draft: Draft, field: Field, value: Any) -> None:
    found = int(value) if isinstance(value, Length) else number_of(value, whole=False) * field.unit
    if not 0 <= found < 1 << 62:
        raise bad(value, "a duration")
    draft.duration = round(found)


def _put_status(draft: Draft, _field: Field, value: Any) -> None:
    draft.status["code"] = status_of(value)


def _put_error(draft: Draft, _field: Field, value: Any) -> None:
    failed, message = told_of(value)
    if failed:
        draft.status.setdefault("code", ERROR)
    if message:
        draft.status["message"] = message


def _put_kind(draft: Draft, _field: Field, value: Any) -> None:
    draft.span["kind"] = kind_of(value)


def _put_name(draft: Draft, _field: Field, value: Any) -> None:
    draft.span["name"] = text_of(value)


def _put_resource(draft: Draft, field: Field, value: Any) -> None:
    draft.resource[field.name] = text_of(value)


def _put_attribute(draft: Draft, field: Field, value: Any) -> None:
    draft.attributes[field.name] = attribute_of(field.name, field.kind, value)


_WRITES: Final[dict[str, _Write]] = {
    "name": _put_name,
    "trace_id": _put_id(TRACE_BYTES),
    "span_id": _put_id(SPAN_BYTES),
    "time": _put_time,
    "seconds": _put_duration,
    "status": _put_status,
    "kind": _put_kind,
    "error": _put_error,
}
