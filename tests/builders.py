"""Builds the columns that steps take from plain rows, one object a span or log record: for tests, not for speed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import LogColumns, Numbers, ScoreColumns, SpanColumns, TextColumns, Words

BASE_NS = 1_763_700_000_000_000_000
RECEIVED_MS = 1_763_700_100_000


@dataclass(frozen=True)
class Span:
    """One canonical span. ``at`` is its place in the log; ids are plain integers; parent 0 is none."""

    span: int
    parent: int = 0
    trace: int = 1
    tenant: str = "default"
    kind: str = "other"
    at: tuple[int, int] = (0, 0)
    received_at: int = RECEIVED_MS
    start: int = BASE_NS
    end: int = BASE_NS + 1_000_000_000
    rank: int = 0
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_status: str | None = None
    time_to_first_token_ns: int | None = None
    service_tier: str | None = None
    stream: int | None = None
    name: str = "span"
    span_kind: int = 3
    service_name: str | None = "shop"
    environment: str | None = None
    operation: str | None = None
    status: str = "unset"
    error_type: str | None = None
    finish_reasons: list[str] | None = None
    user_id: str | None = None
    session_id: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    experiments: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    weight: int = 1
    emitter_name: str = "test"
    resource: str = '{"service.name":"shop"}'
    # what later steps fill in
    counted: bool = False
    cost: int | None = None
    cost_confidence: str | None = None


def llm(span: int, parent: int = 0, **values: object) -> Span:
    """Return an instrumentor's LLM span."""
    given: dict[str, object] = {"kind": "llm", "rank": 2, "provider": "openai", "request_model": "gpt-4o-mini"}
    return Span(span, parent, **(given | values))  # type: ignore[arg-type]


def in_log(spans: Sequence[Span], first: int = 0, per_message: int = 1) -> list[Span]:
    """Return the spans with places in the log: ``per_message`` to each offset from ``first`` on."""
    return [
        replace(
            span,
            at=(first + row // per_message, row % per_message),
            received_at=RECEIVED_MS + first + row // per_message,
        )
        for row, span in enumerate(spans)
    ]


def span_columns(spans: Sequence[Span], log_source: int = 1) -> SpanColumns:
    """Return the spans as a batch, in the order given."""
    size = len(spans)
    traces = np.array([(span.trace >> 64, span.trace & (2**64 - 1)) for span in spans], np.uint64).reshape(size, 2)
    texts = pa.array([None] * size, pa.string())
    pairs = pa.map_(pa.string(), pa.string())
    return SpanColumns(
        size=size,
        log_source=log_source,
        log_offset=np.array([span.at[0] for span in spans], np.int64),
        ordinal=np.array([span.at[1] for span in spans], np.int32),
        received_at=np.array([span.received_at for span in spans], np.int64),
        tenant=words([span.tenant for span in spans]),
        trace_id=traces,
        span_id=np.array([span.span for span in spans], np.uint64),
        parent_span_id=np.array([span.parent for span in spans], np.uint64),
        start_time=np.array([span.start for span in spans], np.int64),
        end_time=np.array([span.end for span in spans], np.int64),
        duration_ns=numbers([span.end - span.start if 0 <= span.end - span.start < 2**63 else None for span in spans]),
        time_to_first_token_ns=numbers([span.time_to_first_token_ns for span in spans]),
        name=words([span.name for span in spans]),
        span_kind=np.array([span.span_kind for span in spans], np.uint8),
        service_name=words([span.service_name for span in spans]),
        environment=words([span.environment for span in spans]),
        operation=words([span.operation for span in spans]),
        kind=words([span.kind for span in spans]),
        provider=words([span.provider for span in spans]),
        request_model=words([span.request_model for span in spans]),
        response_model=words([span.response_model for span in spans]),
        response_id=pa.array([span.response_id for span in spans], pa.string()),
        stream=numbers([span.stream for span in spans]),
        input_tokens=numbers([span.input_tokens for span in spans]),
        output_tokens=numbers([span.output_tokens for span in spans]),
        cache_read_tokens=numbers([span.cache_read_tokens for span in spans]),
        cache_write_tokens=numbers([span.cache_write_tokens for span in spans]),
        reasoning_tokens=numbers([span.reasoning_tokens for span in spans]),
        cache_write_1h_tokens=Numbers.absent(size),
        input_audio_tokens=Numbers.absent(size),
        output_audio_tokens=Numbers.absent(size),
        service_tier=words([span.service_tier for span in spans]),
        usage_status=words([span.usage_status for span in spans]),
        usage_rank=np.array([span.rank for span in spans], np.uint8),
        status=words([span.status for span in spans]),
        status_message=texts,
        error_type=words([span.error_type for span in spans]),
        finish_reasons=pa.array([span.finish_reasons for span in spans], pa.list_(pa.string())),
        user_id=words([span.user_id for span in spans]),
        session_id=words([span.session_id for span in spans]),
        prompt_name=words([span.prompt_name for span in spans]),
        prompt_version=words([span.prompt_version for span in spans]),
        experiments=pa.array([list(span.experiments.items()) for span in spans], pairs),
        tags=pa.array([list(span.tags.items()) for span in spans], pairs),
        weight=np.array([span.weight for span in spans], np.int64),
        input_messages=texts,
        output_messages=texts,
        retrieval_query=texts,
        retrieval_documents=texts,
        emitter_name=words([span.emitter_name for span in spans]),
        emitter_version=Words.absent(size),
        resource=words([span.resource for span in spans]),
        attributes=pa.array([[]] * size, pairs),
        events=texts,
        links=texts,
        anomalies=pa.array([[]] * size, pa.list_(pa.string())),
        counted=np.array([span.counted for span in spans], np.bool_),
        dropped=np.zeros(size, np.bool_),
        cost=numbers([span.cost for span in spans]),
        cost_confidence=words([span.cost_confidence for span in spans]),
    )


def log_columns(keys: Sequence[int], tenants: Sequence[str], first: int = 0, log_source: int = 1) -> LogColumns:
    """Return log records with these content keys (128 bits), one a message, without texts and scores."""
    size = len(keys)
    ids, flat, none = np.zeros((0, 2), np.uint64), np.zeros(0, np.uint64), Words.absent(0)
    nothing = pa.array([], pa.string())
    rows, times = np.zeros(0, np.int32), np.zeros(0, np.int64)
    return LogColumns(
        size=size,
        log_source=log_source,
        log_offset=np.arange(first, first + size, dtype=np.int64),
        ordinal=np.zeros(size, np.int32),
        received_at=np.arange(first, first + size, dtype=np.int64) + RECEIVED_MS,
        tenant=words(list(tenants)),
        key=np.array([(key >> 64, key & (2**64 - 1)) for key in keys], np.uint64).reshape(size, 2),
        texts=TextColumns(rows, ids, flat, times, none, rows, nothing, none),
        scores=ScoreColumns(
            rows, ids, flat, times, nothing, none, none, none, pa.array([], pa.float64()), none, nothing,
            none, none, none, none, none, *[pa.array([], pa.map_(pa.string(), pa.string()))] * 2,
        ),
    )  # fmt: skip


def words(values: list[str | None]) -> Words:
    """Return a column of texts."""
    numbering = count()
    known: dict[str, int] = {}
    for value in values:
        if value is not None and value not in known:
            known[value] = next(numbering)
    return Words(np.array([-1 if value is None else known[value] for value in values], np.int32), list(known))


def numbers(values: list[int | None]) -> Numbers:
    """Return a column of integers."""
    return Numbers(
        np.array([value or 0 for value in values], np.int64),
        np.array([value is not None for value in values], np.bool_),
    )
