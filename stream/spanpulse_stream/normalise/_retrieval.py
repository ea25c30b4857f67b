"""What a retrieval asked for and found: the query, and documents as a JSON list of {id, content, score}.

A text that holds documents in a known form becomes such a list; a document keeps whatever else it says.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._classify import Nature
from spanpulse_stream.normalise._flattened import family_items
from spanpulse_stream.normalise._forms import Form
from spanpulse_stream.normalise._json import parsed, scalar_text
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Family, Slot

__all__ = ["Retrieved", "documents_of", "read_retrieval"]

_LISTS: Final = ("documents", "results", "matches", "docs", "nodes")
_QUERIES: Final = ("query", "input", "question", "text")
_ALIASES: Final = {
    "id": ("id", "document_id", "doc_id", "_id"),
    "content": ("content", "text", "page_content", "document"),
    "score": ("score", "relevance_score", "similarity", "distance"),
}


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Columns of texts, NULL where nothing was asked or found."""

    query: pa.Array
    documents: pa.Array


def read_retrieval(resolved: Resolved, nature: Nature) -> Retrieved:
    """Return queries and documents. What was read as such is not read as messages again."""
    spans = resolved.spans
    query_offset, query_length = resolved.texts(Slot.RETRIEVAL_QUERY)
    offset, length = resolved.texts(Slot.RETRIEVAL_DOCUMENTS)
    sound = spans.pool.forms(offset, length) & Form.DOCUMENTS != 0
    flattened = resolved.families >> np.uint32(Family.DOCUMENTS) & 1 != 0
    done = sound & (query_length >= 0)
    for row in np.flatnonzero((nature.is_retrieval | (length >= 0) | flattened) & ~done).tolist():
        if query_length[row] < 0 and resolved.winner[Slot.INPUT, row] >= 0:
            query_offset[row], query_length[row] = spans.pool.add(_query(resolved.value(Slot.INPUT, row)))
            resolved.drop(Slot.INPUT, row)
        if length[row] >= 0:
            if not sound[row]:
                text = spans.pool.text(int(offset[row]), int(length[row]))
                offset[row], length[row] = spans.pool.add(_documents(resolved, row, text))
        elif flattened[row]:
            items = documents_of(family_items(resolved, Family.DOCUMENTS, row)) or []
            offset[row], length[row] = spans.pool.add(json_bytes(items))
            resolved.take_family(Family.DOCUMENTS, row)
        elif resolved.winner[Slot.OUTPUT, row] >= 0:
            found = documents_of(_read(resolved.value(Slot.OUTPUT, row)))
            if found is not None:
                offset[row], length[row] = spans.pool.add(json_bytes(found))
                resolved.drop(Slot.OUTPUT, row)
    resolved.take(Slot.RETRIEVAL_QUERY)
    resolved.take(Slot.RETRIEVAL_DOCUMENTS)
    return Retrieved(spans.pool.strings(query_offset, query_length), spans.pool.strings(offset, length))


def documents_of(value: Any) -> list[dict[str, Any]] | None:
    """Return a value as documents; None if it has no such form."""
    if isinstance(value, dict):
        held = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
        return None if held is None else documents_of(held)
    if not isinstance(value, list):
        return None
    return [_document(each) for each in value]


def _document(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"content": scalar_text(value).decode()}
    metadata = value.get("metadata")
    beside = metadata if isinstance(metadata, dict) else {}
    out: dict[str, Any] = {}
    used: set[str] = set()
    for name, aliases in _ALIASES.items():
        own = next((alias for alias in aliases if value.get(alias) is not None), None)
        if own is not None:
            out[name] = value[own]
            used.add(own)
        elif beside.get(name) is not None:
            out[name] = beside[name]
    return out | {name: each for name, each in value.items() if name not in used and name not in out}


def _documents(resolved: Resolved, row: int, text: bytes) -> bytes:
    found = documents_of(parsed(text))
    if found is None:
        resolved.spans.anomalies.note_row(Anomaly.DOCUMENTS_NOT_JSON, row)
        found = [{"content": text.decode()}]
    return json_bytes(found)


def _read(value: Any) -> Any:
    return parsed(value) if isinstance(value, str) else value


def _query(value: Any) -> bytes:
    read = _read(value)
    if isinstance(read, dict):
        found = next((read[name] for name in _QUERIES if isinstance(read.get(name), str)), None)
        return scalar_text(value if found is None else found)
    return scalar_text(read if isinstance(read, str) else value)
