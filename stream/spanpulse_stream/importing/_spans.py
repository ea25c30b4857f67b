"""A row becomes a span in OTLP's JSON values, by the mapping of its columns.

Empty values are absent. Ids that a table lacks are made of the file, the mapping, the row's number and its content:
the same file read in the same way always gives the same. A row with a model or tokens and no operation is a chat.
"""

import hashlib
import time
from typing import Any

import orjson

from spanpulse_stream.acceptable import LATEST_AFTER_RECEIPT_NS
from spanpulse_stream.importing._columns import Mapping
from spanpulse_stream.importing._draft import Draft, Put
from spanpulse_stream.importing._rows import Row
from spanpulse_stream.importing._typed import text_of

__all__ = ["ResourceKey", "Spans"]

ResourceKey = tuple[tuple[str, str], ...]
TRACE_DIGITS, SPAN_DIGITS = 32, 16
CLIENT, INTERNAL = 3, 1


class Spans:
    """Makes spans of rows of the file with this ``sha256``; made now, since what lies ahead of that can be no row."""

    def __init__(self, mapping: Mapping, sha256: str) -> None:
        self._columns = [Put(column, column.field) for column in mapping.columns if column.field]
        self._latest = time.time_ns() + LATEST_AFTER_RECEIPT_NS
        self._seed = hashlib.sha256(orjson.dumps([sha256, mapping.plain()])).hexdigest()

    def of(self, row: Row) -> tuple[ResourceKey, dict[str, Any]]:
        """Return the resource of a row and its span. Raises BadValue, which names the column."""
        draft, values = Draft(self._latest), row.values
        for column in self._columns:
            value = values[column.place]
            if value is not None and value != "":
                column.put(draft, value)
        return tuple(sorted(draft.resource.items())), self._finished(draft, row)

    def _finished(self, draft: Draft, row: Row) -> dict[str, Any]:
        span = draft.span
        draft.set_times()
        if not {"traceId", "spanId"} <= span.keys():
            made = self._made(row)
            # One that has an id is the same span in every file: its trace is made of the id alone.
            named = hashlib.sha256(span["spanId"].encode()).hexdigest() if "spanId" in span else made
            span.setdefault("traceId", named[:TRACE_DIGITS])
            span.setdefault("spanId", made[TRACE_DIGITS:][:SPAN_DIGITS])
        is_call = draft.set_operation()
        span.setdefault("kind", CLIENT if is_call else INTERNAL)
        span.setdefault("name", draft.name(is_call=is_call))
        span["attributes"] = list(draft.attributes.values())
        if draft.status:
            span["status"] = draft.status
        return span

    def _made(self, row: Row) -> str:
        """Return a digest of a row: 64 hexadecimal digits."""
        texts = [value if isinstance(value, str) else text_of(value) for value in row.values]
        content = orjson.dumps([self._seed, row.number, texts])
        return hashlib.sha256(content).hexdigest()
