"""What a retrieval found, as the conventions write it: {id, content, score}, and what else a document says.

Guarantee: documents of any make are taken (texts, dicts, the objects of frameworks, pairs of a document and its score);
nothing here raises, and at most `MOST` are.
"""

import math
from collections.abc import Iterable
from itertools import islice
from numbers import Real
from typing import Any, Final

from spanpulse._steps._freeze import Frozen, freeze

__all__ = ["documents_from"]

MOST: Final = 100
MOST_BITS: Final = 64  # of a whole number
LISTS: Final = ("documents", "results", "matches", "docs", "nodes")
NAMES: Final = {
    "id": ("id", "document_id", "doc_id", "node_id", "id_"),
    "content": ("content", "page_content", "text", "document"),
    "score": ("score", "relevance_score", "similarity"),
    "metadata": ("metadata",),
}
KNOWN: Final = frozenset(other for others in NAMES.values() for other in others)


def documents_from(found: Any) -> tuple[list[Frozen], int]:
    """Return documents as JSON values, and how many bytes they hold, about."""
    if isinstance(found, dict):
        found = next((found[name] for name in LISTS if isinstance(found.get(name), list)), [found])
    elif isinstance(found, str) or not isinstance(found, Iterable):
        found = [found]
    if not isinstance(found, list | tuple | set | frozenset):
        return [], 0  # an iterator is the application's to read
    documents, size = [], 0
    for each in islice(found, MOST):
        document, taken = _document(each)
        documents.append(document)
        size += taken
    return documents, size


def _document(value: Any) -> tuple[Frozen, int]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Real) and not hasattr(value, "_fields"):
        document, size = _document(value[0])
        score = _number(value[1])
        return document if score is None else document | {"score": score}, size
    if isinstance(value, str):
        content, size = freeze(value)
        return {"content": content}, size
    said = value if isinstance(value, dict) else _said(value)
    if not said:
        content, size = freeze(value)
        return {"content": content}, size
    document, size = freeze({**_named(said), **_rest(said)})
    return document, size


def _said(value: Any) -> dict[str, Any]:
    """Return what an object says of a document; one with a score may hold the document as its `node`."""
    said: dict[str, Any] = {}
    for holder in (value, _get(value, "node")):
        for names in NAMES.values():
            for name in names:
                if name not in said and (found := _get(holder, name)) is not None and not callable(found):
                    said[name] = found
    return said


def _get(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001 -- a property of a framework's
        return None


def _named(said: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, others in NAMES.items():
        value = next((said[other] for other in others if said.get(other) is not None), None)
        if name == "score" and isinstance(value, Real):
            value = _number(value)
        if value is not None:
            made[name] = value
    return made


def _rest(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in islice(said.items(), MOST) if name not in KNOWN}


def _number(value: Any) -> float | None:
    """Return a finite number; None for what is none, as the likeness to a vector of zeros."""
    try:
        number = value if type(value) is int and value.bit_length() < MOST_BITS else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
