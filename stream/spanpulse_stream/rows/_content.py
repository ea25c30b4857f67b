"""The content policy: texts in full, cut to N characters, or none, before anything is stored.

It covers messages, retrieval queries and documents, texts that came in logs, explanations of scores, and the
attributes of resources, spans, span events, links and scores whose key is an emitter's and not known to be harmless,
also as a key of a map inside of an attribute. Not covered: names of spans and events, status messages, messages and
stack traces of exceptions, attributes that an application names as it likes, and the local log, which holds what was
received until it is trimmed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spanpulse_stream.columns import LogColumns, SpanColumns, TextColumns, Words
from spanpulse_stream.rows._content_keys import Kind, is_number, is_word, kinds_of, mentions_content
from spanpulse_stream.rows._cutting import Cutter

__all__ = ["ContentPolicy"]

Mask = NDArray[np.bool_]


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
        cutter = Cutter(self.limit)
        return replace(
            columns,
            input_messages=self._each(columns.input_messages, cutter.messages),
            output_messages=self._each(columns.output_messages, cutter.messages),
            retrieval_query=self._each(columns.retrieval_query, cutter.text),
            retrieval_documents=self._each(columns.retrieval_documents, cutter.documents),
            resource=_resources(columns.resource, cutter),
            events=_replaced(columns.events, mentions_content(columns.events), cutter.owners),
            links=_replaced(columns.links, mentions_content(columns.links), cutter.owners),
            attributes=_attributes(columns.attributes, cutter),
        )

    def logs(self, columns: LogColumns) -> LogColumns:
        """Return the log records with only the texts that may be kept; without any, no text rows are left."""
        if self.limit is None:
            return columns
        texts, cutter = columns.texts, Cutter(self.limit)
        texts = replace(texts, messages=self._each(texts.messages, cutter.messages)) if self.limit else _no_texts()
        scores = replace(
            columns.scores,
            explanation=self._each(columns.scores.explanation, cutter.text),
            attributes=_attributes(columns.scores.attributes, cutter),
        )
        return replace(columns, texts=texts, scores=scores)

    def _each(self, texts: pa.Array, shorten: Callable[[str], str]) -> pa.Array:
        """Return the texts, shortened where they are longer than the limit."""
        if not self.limit:
            return pa.nulls(len(texts), pa.string())
        # A text of at most as many bytes has no string with more characters: most rows are not even parsed.
        return _replaced(texts, pc.greater(pc.binary_length(texts), self.limit), shorten)


def _attributes(attributes: pa.MapArray, cutter: Cutter) -> pa.MapArray:
    """Return the attributes without contents, or with shortened ones."""
    keys, items, bounds = attributes.keys, attributes.items, attributes.offsets
    contents = _contents(keys, items)
    nested = _tested(items, ~contents, _may_be_json)
    nested = _tested(items, nested, mentions_content)
    items = _replaced(items, pa.array(nested), cutter.without_contents)
    if cutter.limit:
        long = pc.and_(pa.array(contents), pc.greater(pc.binary_length(items), cutter.limit))
        return pa.MapArray.from_arrays(bounds, keys, _replaced(items, long, cutter.any_text))
    keep = ~contents
    keep[nested] = items.filter(pa.array(nested)).is_valid().to_numpy(zero_copy_only=False)
    if keep.all():
        return pa.MapArray.from_arrays(bounds, keys, items)
    before = np.concatenate([[0], np.cumsum(keep)]).astype(np.int32)
    stays = pa.array(keep)
    return pa.MapArray.from_arrays(pa.array(before[bounds.to_numpy()]), keys.filter(stays), items.filter(stays))


def _contents(keys: pa.Array, items: pa.Array) -> Mask:
    """Return which attributes are contents, by their keys and, where those do not tell, by what they look like."""
    kinds = kinds_of(keys)
    unknown, named = kinds == Kind.UNKNOWN, kinds == Kind.NAMED
    harmless = _tested(items, unknown, is_number) | _tested(items, named, is_word)
    contents: Mask = (kinds != Kind.OTHER) & ~harmless
    return contents


def _tested(texts: pa.Array, rows: Mask, test: Callable[[pa.Array], pa.Array]) -> Mask:
    """Return which of the rows pass a test; the others are not looked at."""
    passed = np.zeros(len(texts), np.bool_)
    found = texts.filter(pa.array(rows))
    passed[rows] = test(found).fill_null(False).to_numpy(zero_copy_only=False)
    return passed


def _may_be_json(texts: pa.Array) -> pa.Array:
    return pc.match_substring_regex(texts, r"^\s*[\[{]")


def _resources(resources: Words, cutter: Cutter) -> Words:
    """Return the resources (few, each a JSON object) without contents."""
    found = mentions_content(pa.array(resources.values, pa.string())).to_pylist()
    values = [
        (cutter.without_contents(text) or "{}") if mentions else text
        for text, mentions in zip(resources.values, found, strict=True)
    ]
    return replace(resources, values=values)


def _replaced(texts: pa.Array, where: pa.Array, shorten: Callable[[str], str | None]) -> pa.Array:
    mask = where.fill_null(False)
    found = texts.filter(mask).to_pylist()
    return pc.replace_with_mask(texts, mask, pa.array(map(shorten, found), pa.string())) if found else texts


def _no_texts() -> TextColumns:
    rows, words = np.zeros(0, np.int32), Words.absent(0)
    ids, none = np.zeros(0, np.uint64), pa.array([], pa.string())
    return TextColumns(rows, ids.reshape(0, 2), ids, np.zeros(0, np.int64), words, rows, none, words)
