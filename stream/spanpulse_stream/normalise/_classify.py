"""What a span is: its operation in the words of the conventions, and the kind that follows from it.

Where no attribute tells, the start of the span's name may; where that does not either, `_evidence` has what the
other attributes show: a call of a tool, a query to a vector store, or else a chat where there is a model with tokens
or a provider, as older conventions had no operation. A word that no dialect knows is a
model call if a model is named, unless the word itself speaks of something else: never because of tokens, which a
call that failed has not, so that failures count beside the successes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.normalise._evidence import has_model, has_tokens, shown
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects import DIALECTS

__all__ = ["KINDS", "Nature", "classify", "coded"]

KINDS: Final = ("llm", "embedding", "retrieval", "tool", "agent", "workflow", "other")
LLM, EMBEDDING, RETRIEVAL, TOOL, WORKFLOW, OTHER = 0, 1, 2, 3, 5, 6
ERROR = 2  # OpenTelemetry's status code

_KIND_OF: Final = {
    "chat": "llm",
    "generate_content": "llm",
    "text_completion": "llm",
    "embeddings": "embedding",
    "retrieval": "retrieval",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "workflow",
    "plan": "workflow",
}
_NO_CALLS: Final = frozenset(
    (
        *("agent", "agents", "chain", "count", "crew", "db", "eval", "evaluate", "evaluation"),
        *("evaluator", "event", "function", "graph", "guardrail", "guardrails", "handoff", "index", "mcp"),
        *("memory", "moderation", "moderations", "parser", "pipeline", "planning", "prompt", "query", "rerank"),
        *("reranker", "retrieval", "retrieve", "retriever", "search", "session", "span", "step", "task"),
        *("team", "tokenize", "tool", "toolcall", "tools", "upsert", "vector", "vectordb", "workflow"),
        "workflows",
    )
)
"""Parts of unknown words that speak of no model call, whatever model and tokens their spans have."""

_IMAGES: Final = frozenset(("audio", "image", "images", "speech", "video"))
"""Parts of unknown words that speak of models which are paid by the piece, unless there are tokens."""


@dataclass(frozen=True, slots=True)
class Nature:
    """What the spans of a batch are; ``kind`` has indices in `KINDS`."""

    operation: Words
    kind: NDArray[np.int8]

    @property
    def is_llm(self) -> NDArray[np.bool_]:
        """Tell which spans are calls of a language model."""
        is_llm: NDArray[np.bool_] = self.kind == LLM
        return is_llm

    @property
    def is_embedding(self) -> NDArray[np.bool_]:
        """Tell which spans are calls of an embedding model."""
        is_embedding: NDArray[np.bool_] = self.kind == EMBEDDING
        return is_embedding

    @property
    def is_call(self) -> NDArray[np.bool_]:
        """Tell which spans are model calls."""
        is_call: NDArray[np.bool_] = self.kind <= EMBEDDING
        return is_call

    @property
    def is_above_calls(self) -> NDArray[np.bool_]:
        """Tell which spans may stand above model calls: tools, agents and workflows."""
        is_above: NDArray[np.bool_] = (self.kind >= TOOL) & (self.kind <= WORKFLOW)
        return is_above

    @property
    def is_retrieval(self) -> NDArray[np.bool_]:
        """Tell which spans are retrievals."""
        is_retrieval: NDArray[np.bool_] = self.kind == RETRIEVAL
        return is_retrieval


def classify(resolved: Resolved, name: Words, told: Mapping[int, str]) -> Nature:
    """Return what the spans are. Marks the attributes that name the operation as taken.

    ``told`` has the operations of spans of which only their events tell.
    """
    spans = resolved.spans
    written = resolved.words(Slot.OPERATION)
    by_word = _mapped(spans.dialect, written, _operation_of_word)
    unknown = by_word.codes < 0
    if unknown.any():
        rows = np.flatnonzero(unknown)
        named = _mapped(spans.dialect[rows], Words(name.codes[rows], name.values), _operation_of_name)
        codes = by_word.codes.copy()
        codes[rows] = np.where(named.codes >= 0, named.codes + np.int32(len(by_word.values)), np.int32(-1))
        by_word = Words(codes, by_word.values + named.values)
    evidence = shown(resolved, name, written.codes < 0)
    codes = np.where((by_word.codes < 0) & (evidence.codes >= 0), evidence.codes + len(by_word.values), by_word.codes)
    known = [*by_word.values, *evidence.values]
    codes[list(told)] = [len(known) + place for place in range(len(told))]
    operation = Words(codes.astype(np.int32), [*known, *told.values()])
    kinds = np.array([KINDS.index(_KIND_OF.get(value, "other")) for value in operation.values] + [OTHER], np.int8)
    calls = np.array([_may_be_call(value) for value in operation.values] + [False])
    images = np.array([not _IMAGES.isdisjoint(_parts(value)) for value in operation.values] + [False])
    is_call = calls[operation.codes] & has_model(resolved) & (~images[operation.codes] | has_tokens(resolved))
    kind = np.where(is_call, np.int8(LLM), kinds[operation.codes])
    kind[_is_no_call(resolved, name) & (kind <= EMBEDDING)] = OTHER
    return Nature(operation, kind)


def _is_no_call(resolved: Resolved, name: Words) -> NDArray[np.bool_]:
    """Tell which spans are no model calls although they look like one: helpers, and openings of streams."""
    dialect = resolved.spans.dialect
    is_none = np.zeros(len(dialect), np.bool_)
    for index, each in enumerate(DIALECTS):
        if not (each.not_calls or each.opens_streams_apart) or not (own := dialect == index).any():
            continue
        named = np.array([bool(each.not_calls) and value.endswith(each.not_calls) for value in name.values])
        is_none |= own & named[name.codes]
        if each.opens_streams_apart:
            is_none |= own & ~_has_outcome(resolved)
    return is_none


def _has_outcome(resolved: Resolved) -> NDArray[np.bool_]:
    """Tell which spans have usage, an id or a text of the response, or an error."""
    slots = (Slot.INPUT_TOKENS, Slot.OUTPUT_TOKENS, Slot.USAGE, Slot.RESPONSE_ID, Slot.OUTPUT_MESSAGES)
    failed = resolved.spans.decoded.status_code[resolved.spans.rows] == ERROR
    has_outcome: NDArray[np.bool_] = np.logical_or.reduce([failed, *map(resolved.has, slots)])
    return has_outcome


def coded(keys: NDArray[np.int64], value_of: dict[int, str | None]) -> Words:
    """Return words by key, each value once; a key without a value is NULL."""
    values: dict[str, int] = {}
    unique, inverse = np.unique(keys, return_inverse=True)
    codes = np.full(len(unique) + 1, -1, np.int32)
    for place, key in enumerate(unique.tolist()):
        value = value_of.get(key)
        if value is not None:
            codes[place] = values.setdefault(value, len(values))
    return Words(codes[inverse], list(values))


def _mapped(dialect: NDArray[np.int32], words: Words, mapped: Callable[[int, str], str | None]) -> Words:
    """Map every (dialect, word) once."""
    width = len(words.values) + 1
    keys = dialect.astype(np.int64) * width + words.codes + 1
    pairs = {key: divmod(key, width) for key in np.unique(keys).tolist()}
    return coded(keys, {key: mapped(own, words.values[code - 1]) for key, (own, code) in pairs.items() if code})


def _operation_of_word(dialect: int, word: str) -> str | None:
    word = word.strip().lower()
    for each in (DIALECTS[dialect], *DIALECTS):
        if word in each.operations:
            return each.operations[word] or None
    return word or None


@lru_cache(maxsize=8192)
def _operation_of_name(dialect: int, name: str) -> str | None:
    found = [start for start in DIALECTS[dialect].span_names if name.startswith(start)]
    return DIALECTS[dialect].span_names[max(found, key=len)] or None if found else None


def _may_be_call(word: str) -> bool:
    """Tell whether an unknown word speaks of nothing but a model call."""
    return word not in _KIND_OF and _NO_CALLS.isdisjoint(_parts(word))


def _parts(word: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", word)
