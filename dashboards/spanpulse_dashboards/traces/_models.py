"""What the pages of traces show and the API answers under /api/v1/traces: one model each, every field with its unit.

What is not known is null, and never 0; ``*_reason`` says why. Money is USD, exact, written as text. Ids are lowercase
hexadecimal digits. Times are UTC to the ns, as ns since the epoch where a chart needs them.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from spanpulse_dashboards._models import Model, Money

__all__ = [
    "Completeness",
    "Looked",
    "Order",
    "PathSegment",
    "Ranking",
    "SearchResult",
    "SpanLine",
    "Trace",
    "TraceList",
    "TraceSummary",
]

Order = Literal["newest", "slowest", "dearest", "failed"]


class Completeness(Model):
    """Whether all of a trace is here, judged 30 s after the root's end by what the spans say of their parents."""

    state: Literal["complete", "arriving", "incomplete"] = Field(
        description="root and every parent are here; too early to tell; something is missing"
    )
    detail: str = Field(description="the same in a sentence")
    root: bool = Field(description="whether a span without a parent is here")
    missing_parents: int = Field(description="parents that spans name and that are not here")


class TraceSummary(Model):
    """A trace in one line of a list."""

    tenant: str
    trace_id: str = Field(description="32 hex digits")
    name: str = Field(description="name of the root, or else of the earliest span")
    service: str | None = Field(description="service of that span")
    environment: str | None
    start: datetime = Field(description="start of the earliest span, UTC")
    end: datetime = Field(description="end of the latest span, UTC")
    duration_ns: int | None = Field(description="of its longest span, as a rule the root, ns; null: none has one")
    spans: int
    calls: int = Field(description="counted model calls")
    input_tokens: int | None = Field(description="tokens of the counted calls; null: none reports any")
    output_tokens: int | None = Field(description="tokens of the counted calls; null: none reports any")
    cost: Money | None = Field(description="USD, sum of the counted calls whose cost is known; null: see cost_reason")
    cost_reason: str | None = Field(default=None, description="why cost is null, or what is not in it")
    cost_estimated: bool = Field(default=False, description="whether part of it is estimated from contradicting counts")
    errors: int = Field(description="spans that failed")
    error_type: str | None = Field(default=None, description="error of the latest span that failed")
    models: list[str] = Field(description="models of the counted calls, at most 10")
    user: str | None
    session: str | None
    prompt: str | None
    prompt_version: str | None
    completeness: Completeness


class Ranking(Model):
    """What the order of a list is made of."""

    order: Order
    by: str = Field(description="what traces are ordered by, in words")
    complete: bool = Field(description="whether every trace of the range took part")
    detail: str | None = Field(default=None, description="what did not take part, and how to have it")


class TraceList(Model):
    """A page of traces. Pages stay as they were while data arrives: the cursor holds what had been received."""

    ranking: Ranking
    traces: list[TraceSummary]
    next: str | None = Field(description="cursor of the next page; null: this is the last one")
    through: datetime = Field(description="what had been received by then is in the list, UTC")


class Looked(Model):
    """How far a search in texts has looked."""

    since: datetime = Field(description="everything from here on was looked at, UTC")
    spans: int = Field(description="spans that were looked at, about")
    complete: bool = Field(description="whether the whole range was looked at")


class SearchResult(Model):
    """What a search has found, newest first."""

    query: str
    understood: str = Field(description="what the words were taken for, in words")
    kinds: list[str] = Field(description="what matched: trace, span, response, user, session, error, tool, text")
    traces: list[TraceSummary]
    matches: dict[str, str] = Field(description="trace id -> id of the span that matched, where it was one")
    looked: Looked | None = Field(default=None, description="of a search in texts")
    next: str | None = Field(description="cursor to go on with; null: there is nothing further")


class SpanLine(Model):
    """A span as one line of the waterfall: everything but its texts."""

    span_id: str = Field(description="16 hex digits")
    place: str = Field(description="where it is stored, `source.offset.ordinal`: tells spans of one id apart")
    parent_span_id: str | None
    depth: int = Field(description="0: a root")
    children: int = Field(description="spans directly below it")
    problem: Literal["missing_parent", "circle", "duplicate"] | None = Field(
        None, description="its parent is not here; its parents lead back to it; another span has its id"
    )
    early_ns: int = Field(default=0, description="how long before its parent it began, ns: clocks that differ")
    name: str
    kind: str = Field(description="llm, embedding, retrieval, tool, agent, workflow, other")
    service: str | None
    model: str | None = Field(description="the response model, or else the requested one")
    start_ns: int = Field(description="ns since the epoch")
    end_ns: int = Field(description="ns since the epoch")
    duration_ns: int | None = Field(description="ns; null: it ends before it starts")
    time_to_first_token_ns: int | None = Field(default=None, description="ns after its start")
    status: str = Field(description="unset, ok, error")
    error_type: str | None = None
    counted: bool = Field(description="whether it is a request of its own, and not one that another span reports")
    usage_status: str | None = Field(description="reported, missing, invalid, aggregate; null: no model call")
    input_tokens: int | None = Field(description="tokens, cached ones included")
    output_tokens: int | None = Field(description="tokens, reasoning included")
    cost: Money | None = Field(description="USD")
    cost_confidence: str | None = Field(description="computed, estimated, provider, missing, unpriced")
    critical_ns: int = Field(default=0, description="how much of the critical path is its own, ns")


class PathSegment(Model):
    """A piece of the critical path."""

    span_id: str
    start_ns: int = Field(description="ns since the epoch")
    end_ns: int = Field(description="ns since the epoch")


class Trace(Model):
    """A trace: its summary and a page of its spans in reading order. Texts come with the single span."""

    summary: TraceSummary
    spans: list[SpanLine] = Field(description="each before its descendants")
    offset: int = Field(description="index of the first of these lines")
    total: int = Field(description="lines of the whole tree")
    next: int | None = Field(description="offset to go on with; null: these are the last")
    truncated: str | None = Field(default=None, description="what was left out of a trace beyond the bound")
    start_ns: int = Field(description="start of the earliest span, ns since the epoch: 0 of the waterfall")
    end_ns: int = Field(description="end of the latest span, ns since the epoch")
    critical_path: list[PathSegment] = Field(description="latest first, at most 1,000; see docs/traces.md")
    corrections: int = Field(description="spans of it that were corrected after they were stored")
    judged_at: datetime = Field(description="when it was read, UTC")
