"""Columns that travel between the steps: numbers with a validity mask, coded words, and a batch of spans.

A step takes columns and returns columns. Nothing here knows of bytes, databases or clocks. What is absent is
NULL (an invalid number, code -1, an Arrow null), never 0 or ''. Columns are not copied and must not be
changed in place by a step that did not make them. Lengths are not checked here: each producer is tested.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["LogColumns", "Numbers", "Origin", "ScoreColumns", "SpanColumns", "TextColumns", "Words"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A nullable int64 column: ``values[i]`` counts only where ``valid[i]``."""

    values: NDArray[np.int64]
    valid: NDArray[np.bool_]

    @classmethod
    def absent(cls, size: int) -> "Numbers":
        """Return a column of ``size`` NULLs."""
        return cls(np.zeros(size, np.int64), np.zeros(size, np.bool_))


@dataclass(frozen=True, slots=True)
class Words:
    """A nullable, dictionary-coded string column: row i is ``values[codes[i]]``, or NULL where ``codes[i] < 0``."""

    codes: NDArray[np.int32]
    values: list[str]

    @classmethod
    def absent(cls, size: int) -> "Words":
        """Return a column of ``size`` NULLs."""
        return cls(np.full(size, -1, np.int32), [])

    @classmethod
    def constant(cls, size: int, value: str) -> "Words":
        """Return ``size`` rows that all read ``value``."""
        return cls(np.zeros(size, np.int32), [value])

    def tolist(self) -> list[str | None]:
        """Return the rows as Python strings (for tests and small columns)."""
        return [self.values[code] if code >= 0 else None for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the messages of a batch come from; the arrays have one entry a message."""

    log_source: int
    log_offset: NDArray[np.int64]
    received_at: NDArray[np.int64]  # ms since the epoch, log-append time
    tenant: Words


@dataclass(slots=True)
class SpanColumns:
    """A batch of canonical spans, one row a span, in log order (log_offset, then ordinal).

    Ids are big-endian integers: ``trace_id`` has shape (n, 2), high word first; parent 0 means none.
    Times are ns since the Unix epoch, ``received_at`` is ms (log-append time). Tokens are integers,
    ``cost`` is in 1e-12 USD. ``usage_rank`` says whose numbers to prefer: 3 native SDK, 2 instrumentor,
    1 framework, 0 not an LLM call.
    """

    size: int
    # position in the log
    log_source: int
    log_offset: NDArray[np.int64]
    ordinal: NDArray[np.int32]
    received_at: NDArray[np.int64]
    # identity
    tenant: Words
    trace_id: NDArray[np.uint64]
    span_id: NDArray[np.uint64]
    parent_span_id: NDArray[np.uint64]
    # time
    start_time: NDArray[np.int64]
    end_time: NDArray[np.int64]
    duration_ns: Numbers
    time_to_first_token_ns: Numbers
    # what it is
    name: Words
    span_kind: NDArray[np.uint8]  # OTel SpanKind 0..5
    service_name: Words
    environment: Words
    operation: Words
    kind: Words  # llm, embedding, retrieval, tool, agent, workflow, other
    provider: Words
    request_model: Words
    response_model: Words
    response_id: pa.Array  # string
    stream: Numbers  # 0 or 1
    # usage as the provider counts it (input includes cached, output includes reasoning)
    input_tokens: Numbers
    output_tokens: Numbers
    cache_read_tokens: Numbers
    cache_write_tokens: Numbers
    reasoning_tokens: Numbers
    cache_write_1h_tokens: Numbers
    input_audio_tokens: Numbers
    output_audio_tokens: Numbers
    service_tier: Words  # NULL, batch, flex, priority
    usage_status: Words  # reported, missing, invalid; aggregate: no model call, but has tokens; else NULL
    usage_rank: NDArray[np.uint8]
    # outcome
    status: Words  # unset, ok, error
    status_message: pa.Array  # string
    error_type: Words
    finish_reasons: pa.Array  # list<string>, NULL where absent
    # who and which
    user_id: Words
    session_id: Words
    prompt_name: Words
    prompt_version: Words
    experiments: pa.Array  # map<string, string>
    tags: pa.Array  # map<string, string>
    weight: NDArray[np.int64]
    # content
    input_messages: pa.Array  # string, JSON of the OTel GenAI message schema
    output_messages: pa.Array  # string, same
    retrieval_query: pa.Array  # string
    retrieval_documents: pa.Array  # string, JSON list of {id, content, score}
    # where it came from, and everything else
    emitter_name: Words
    emitter_version: Words
    resource: Words  # JSON object of the resource attributes
    attributes: pa.Array  # map<string, string>: every span attribute that has no column of its own
    events: pa.Array  # string, JSON list of {time, name, attributes}
    links: pa.Array  # string, JSON list of {trace_id, span_id, attributes}
    anomalies: pa.Array  # list<string>: end_before_start, negative_tokens, ...
    # what the emitter says a call costs, 1e-12 USD; not stored: it is the cost where the price book has none
    stated_cost: Numbers = field(default_factory=lambda: Numbers.absent(0))
    # evaluation results in span events; ``record`` is the row here. Not picked with the rows, but apart
    scores: "ScoreColumns | None" = None
    # filled by later steps
    counted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    dropped: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    cost: Numbers = field(default_factory=lambda: Numbers.absent(0))
    cost_confidence: Words = field(default_factory=lambda: Words.absent(0))
    price_version: str = ""


@dataclass(slots=True)
class TextColumns:
    """Messages that came in log events, one row a record and direction; ``record`` is the row in LogColumns."""

    record: NDArray[np.int32]
    trace_id: NDArray[np.uint64]  # (n, 2)
    span_id: NDArray[np.uint64]
    time: NDArray[np.int64]  # ns
    direction: Words  # input, output
    position: NDArray[np.int32]
    messages: pa.Array  # string, JSON list of the OTel GenAI message schema
    event_name: Words

    @classmethod
    def empty(cls) -> "TextColumns":
        """Return no texts."""
        rows, ids, none = np.zeros(0, np.int32), np.zeros(0, np.uint64), Words.absent(0)
        texts = pa.array([], pa.string())
        return cls(rows, ids.reshape(0, 2), ids, np.zeros(0, np.int64), none, rows, texts, none)


@dataclass(slots=True)
class ScoreColumns:
    """Evaluation results (event ``gen_ai.evaluation.result``); ``record`` is the row in LogColumns."""

    record: NDArray[np.int32]
    trace_id: NDArray[np.uint64]  # (n, 2), 0 = none
    span_id: NDArray[np.uint64]
    time: NDArray[np.int64]  # ns
    response_id: pa.Array  # string
    evaluator: Words
    evaluator_version: Words
    name: Words
    value: pa.Array  # float64, NULL where absent or NaN
    label: Words
    explanation: pa.Array  # string
    service_name: Words
    environment: Words
    request_model: Words
    prompt_name: Words
    prompt_version: Words
    experiments: pa.Array  # map<string, string>
    attributes: pa.Array  # map<string, string>


@dataclass(slots=True)
class LogColumns:
    """The log records of a batch in log order, and the texts and scores found in them.

    ``key`` is a 128-bit hash of a record's content, independent of the order of fields on the wire: a retried
    export has the same keys. Records that are neither texts nor scores are counted and kept nowhere else.
    """

    size: int
    log_source: int
    log_offset: NDArray[np.int64]
    ordinal: NDArray[np.int32]
    received_at: NDArray[np.int64]
    tenant: Words
    key: NDArray[np.uint64]  # (n, 2)
    texts: TextColumns
    scores: ScoreColumns
