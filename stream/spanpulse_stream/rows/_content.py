"""The content policy: texts in full, cut to N characters, or none, before anything is stored.

It covers messages, retrieval queries and documents, texts that came in logs, explanations of scores, and the
attributes of spans, span events and scores whose key says that they hold what was said or passed to a tool. Cut JSON
stays JSON: its long strings are cut, each followed by how many characters are missing; roles, types, names and ids
stay. Not covered: status messages, messages and stack traces of exceptions, attributes that an application names as
it likes, and the local log, which holds what was received until it is trimmed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spanpulse_stream.columns import LogColumns, SpanColumns, TextColumns, Words
from spanpulse_stream.rows._content_keys import holding_content, holds_content, is_content_event, mentions_content

__all__ = ["ContentPolicy"]

STRUCTURE = frozenset({"role", "type", "id", "name", "finish_reason", "time"})


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """How many characters of each text are kept: None is all of them, 0 is no text at all."""

    limit: int | None = None

    @classmethod
    def parse(cls, policy: str) -> "ContentPolicy":
        """Read ``full``, ``none`` or ``truncate N``. Raises ValueError on anything else."""
        if policy in {"full", "none"}:
            return cls(None if policy == "full" else 0)
        word, _, number = policy.partition(" ")
        if word != "truncate" or not number.isdecimal() or int(number) == 0:
            raise ValueError(f"unknown content policy {policy!r}: full, none, or truncate N")
        return cls(int(number))

    def spans(self, columns: SpanColumns) -> SpanColumns:
        """Return the spans with only the texts that may be kept."""
        if self.limit is None:
            return columns
        return replace(
            columns,
            input_messages=self._each(columns.input_messages, self._json),
            output_messages=self._each(columns.output_messages, self._json),
            retrieval_query=self._each(columns.retrieval_query, self._cut),
            retrieval_documents=self._each(columns.retrieval_documents, self._json),
            events=self._events(columns.events),
            attributes=self._attributes(columns.attributes),
        )

    def logs(self, columns: LogColumns) -> LogColumns:
        """Return the log records with only the texts that may be kept; without any, no text rows are left."""
        if self.limit is None:
            return columns
        texts = columns.texts
        texts = replace(texts, messages=self._each(texts.messages, self._json)) if self.limit else _no_texts()
        scores = replace(
            columns.scores,
            explanation=self._each(columns.scores.explanation, self._cut),
            attributes=self._attributes(columns.scores.attributes),
        )
        return replace(columns, texts=texts, scores=scores)

    def _each(self, texts: pa.Array, shorten: Callable[[str], str]) -> pa.Array:
        """Return the texts, shortened where they are longer than the limit."""
        if not self.limit:
            return pa.nulls(len(texts), pa.string())
        # A text of at most as many bytes has no string with more characters: most rows are not even parsed.
        return _replaced(texts, pc.greater(pc.binary_length(texts), self.limit), shorten)

    def _events(self, events: pa.Array) -> pa.Array:
        return _replaced(events, mentions_content(events), self._event_list)

    def _attributes(self, attributes: pa.MapArray) -> pa.MapArray:
        """Return the attributes without contents, or with shortened ones."""
        keys, items, bounds = attributes.keys, attributes.items, attributes.offsets
        found = holding_content(keys)
        if not pc.any(found).as_py():
            return attributes
        if self.limit:
            long = pc.and_(found, pc.greater(pc.binary_length(items), self.limit))
            return pa.MapArray.from_arrays(bounds, keys, _replaced(items, long, self._text))
        keep = pc.invert(found)
        before = np.concatenate([[0], np.cumsum(keep.to_numpy(zero_copy_only=False))]).astype(np.int32)
        return pa.MapArray.from_arrays(pa.array(before[bounds.to_numpy()]), keys.filter(keep), items.filter(keep))

    def _text(self, text: str) -> str:
        """Shorten a text that may be JSON."""
        return self._json(text) if text.lstrip()[:1] in ("[", "{") else self._cut(text)

    def _event_list(self, text: str) -> str:
        events = orjson.loads(text)
        for event in events:
            if attributes := event.get("attributes"):
                event["attributes"] = self._event_attributes(str(event.get("name", "")), attributes)
        return orjson.dumps(events).decode()

    def _event_attributes(self, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes of an event without contents, or with shortened ones."""
        if is_content_event(name):
            return self._walk(attributes) if self.limit else {}
        if not self.limit:
            return {key: value for key, value in attributes.items() if not holds_content(key)}
        return {key: self._value(value) if holds_content(key) else value for key, value in attributes.items()}

    def _value(self, value: Any) -> Any:
        return self._text(value) if isinstance(value, str) else self._walk(value)

    def _json(self, text: str) -> str:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = text  # what should be JSON and is not becomes a JSON string
        return orjson.dumps(self._walk(value)).decode()

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._cut(value)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return {key: item if _structural(key, item) else self._walk(item) for key, item in value.items()}
        return value

    def _cut(self, text: str) -> str:
        limit = self.limit or 0
        return text if len(text) <= limit else f"{text[:limit]}…[+{len(text) - limit}]"


def _structural(key: str, item: Any) -> bool:
    """Return whether a value says what a message is, not what it tells; a long one is no such thing."""
    return key in STRUCTURE and isinstance(item, str) and len(item) <= 256


def _replaced(texts: pa.Array, where: pa.Array, shorten: Callable[[str], str]) -> pa.Array:
    mask = where.fill_null(False)
    found = texts.filter(mask).to_pylist()
    return pc.replace_with_mask(texts, mask, pa.array(map(shorten, found), pa.string())) if found else texts


def _no_texts() -> TextColumns:
    rows, words = np.zeros(0, np.int32), Words.absent(0)
    ids, none = np.zeros(0, np.uint64), pa.array([], pa.string())
    return TextColumns(rows, ids.reshape(0, 2), ids, np.zeros(0, np.int64), words, rows, none, words)
