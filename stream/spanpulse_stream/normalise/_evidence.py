"""What attributes show a span to be where nobody says it: a call of a tool, a query to a vector store, a chat.

A tool's name alone shows a call of it, unless the span looks like a call of a model, which may name one too.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import TOKENS, Slot

__all__ = ["has_model", "has_tokens", "shown"]

Mask = NDArray[np.bool_]

_OPERATIONS: Final = ["chat", "execute_tool", "retrieval"]
_CALLS: Final = frozenset({"tools/call"})
_VECTOR_STORES: Final = frozenset(
    ("chroma", "chromadb", "lancedb", "marqo", "milvus", "pinecone", "qdrant", "weaviate")
)
_QUERIES: Final = frozenset(
    (
        *("query", "query_batch", "query_batch_points", "query_points", "query_points_groups", "search"),
        *("search_batch", "search_groups", "hybrid_search", "similarity_search", "recommend", "recommend_batch"),
        *("recommend_groups", "discover", "discover_batch", "near_text", "near_vector", "bm25", "hybrid"),
    )
)


def shown(resolved: Resolved, name: Words, unsaid: Mask) -> Words:
    """Return the operations that attributes show, NULL where they show none.

    A chat is one only of the spans ``unsaid``, which have no word for what they are.
    """
    chat = _looks_like_a_call(resolved)
    method = _among(resolved, Slot.MCP_METHOD, _CALLS)
    named = resolved.has(Slot.TOOL_NAME) & (resolved.has(Slot.TOOL_CALL_ID) | ~chat)
    tool, query = method | named, _queries_vectors(resolved, name)
    codes = np.where(query, 2, np.where(tool, 1, np.where(chat & unsaid, 0, -1)))
    return Words(codes.astype(np.int32), _OPERATIONS)


def has_model(resolved: Resolved) -> Mask:
    """Tell which spans name a model."""
    models = (Slot.REQUEST_MODEL, Slot.RESPONSE_MODEL, Slot.MODEL)
    has: Mask = np.logical_or.reduce([resolved.has(slot) for slot in models])
    return has


def has_tokens(resolved: Resolved) -> Mask:
    """Tell which spans have tokens."""
    return _has_any(resolved, (Slot.USAGE, *map(Slot, TOKENS)))


def _looks_like_a_call(resolved: Resolved) -> Mask:
    return has_model(resolved) & _has_any(resolved, (Slot.PROVIDER, Slot.USAGE, *map(Slot, TOKENS)))


def _has_any(resolved: Resolved, slots: tuple[Slot, ...]) -> Mask:
    has = np.zeros(resolved.spans.size, np.bool_)
    for slot in slots:
        if resolved.found[slot]:
            has |= resolved.has(slot)
    return has


def _queries_vectors(resolved: Resolved, name: Words) -> Mask:
    """Tell which spans ask a vector store; where the operation is not told, the end of the span's name may."""
    stores = _among(resolved, Slot.DB_SYSTEM, _VECTOR_STORES)
    if not stores.any():
        return stores
    ends = np.array([value.lower().rpartition(".")[2] in _QUERIES for value in name.values] + [False])
    told = resolved.has(Slot.DB_OPERATION)
    found: Mask = stores & np.where(told, _among(resolved, Slot.DB_OPERATION, _QUERIES), ends[name.codes])
    return found


def _among(resolved: Resolved, slot: Slot, wanted: frozenset[str]) -> Mask:
    """Tell which spans have one of some words in a slot, in any case."""
    if not resolved.found[slot]:
        return np.zeros(resolved.spans.size, np.bool_)
    words = resolved.spans.pool.words(*resolved.texts(slot))
    return np.array([value.lower() in wanted for value in words.values] + [False])[words.codes]
