"""One trace: its summary, its spans in reading order, its critical path.

The tree is built of all spans and told page by page. Not guaranteed: spans beyond the bound; `Trace.truncated` says so.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards.traces._complete import cost_reason, judge
from spanpulse_dashboards.traces._critical import Segment, critical_path
from spanpulse_dashboards.traces._filters import ns_of, time_of
from spanpulse_dashboards.traces._models import PathSegment, SpanLine, Trace, TraceSummary
from spanpulse_dashboards.traces._spans import MOST_SPANS, Span, Spans, first_with, read_spans, tenants_of
from spanpulse_dashboards.traces._tree import Line, build_tree, missing_parents

__all__ = ["MOST_LINES", "NoSuchTrace", "SeveralTenants", "Story", "read_story", "trace_of"]

MOST_LINES = 2_000
MOST_SEGMENTS = 1_000
MOST_MODELS = 10


class NoSuchTrace(LookupError):  # noqa: N818 -- reads as what it is
    """No span of such a trace is stored: never received, not stored yet, or past its retention."""


class SeveralTenants(LookupError):  # noqa: N818 -- reads as what it is
    """Traces of several ``tenants`` have this id: one has to be named."""

    def __init__(self, tenants: list[str]) -> None:
        super().__init__(f"traces of {len(tenants)} tenants have this id: {', '.join(tenants)}")
        self.tenants = tenants


@dataclass(frozen=True, slots=True)
class Story:
    """A trace as it was read at ``now``: its spans, their tree in reading order, the critical path."""

    trace_id: str
    found: Spans
    tree: list[Line]
    path: list[Segment]
    now: datetime

    @property
    def spans(self) -> list[Span]:
        """The spans, earliest first; `Line.index` counts them."""
        return self.found.spans


async def read_story(backend: Backend, trace_id: str, tenant: str | None = None) -> Story:
    """Return a trace. Raises NoSuchTrace, SeveralTenants, QueryFailed."""
    if tenant is None:
        tenants = await tenants_of(backend, trace_id)
        if not tenants:
            raise NoSuchTrace(f"no span of the trace {trace_id} is stored")
        if len(tenants) > 1:
            raise SeveralTenants(tenants)
        tenant = tenants[0]
    found = await read_spans(backend, tenant, trace_id)
    if not found.spans:
        raise NoSuchTrace(f"no span of the trace {trace_id} is stored for the tenant {tenant!r}")
    tree = build_tree(found.spans)
    return Story(trace_id, found, tree, critical_path(found.spans, tree), backend.now())


def trace_of(story: Story, offset: int = 0, limit: int = MOST_LINES) -> Trace:
    """Return the trace with the lines [offset, offset + limit) of its tree."""
    spans, total = story.spans, len(story.tree)
    chosen = story.tree[offset : offset + limit]
    critical: dict[int, int] = defaultdict(int)
    for segment in story.path:
        critical[segment.index] += segment.end_ns - segment.start_ns
    left_out = f"only the earliest {MOST_SPANS:,} spans are shown" if story.found.more else None
    return Trace(
        summary=_summary(story),
        spans=[_line(spans[line.index], line, critical[line.index]) for line in chosen],
        offset=offset,
        total=total,
        next=offset + limit if offset + limit < total else None,
        truncated=left_out,
        start_ns=min(span.start_ns for span in spans),
        end_ns=max(max(span.end_ns, span.start_ns) for span in spans),
        critical_path=[
            PathSegment(span_id=spans[each.index].span_id, start_ns=each.start_ns, end_ns=each.end_ns)
            for each in story.path[:MOST_SEGMENTS]
        ],
        corrections=len(story.found.corrected),
        judged_at=story.now,
    )


def _line(span: Span, line: Line, critical_ns: int) -> SpanLine:
    return SpanLine(
        span_id=span.span_id,
        place=".".join(map(str, span.place)),
        parent_span_id=span.parent_span_id,
        depth=line.depth,
        children=len(line.children),
        problem=line.problem,
        early_ns=line.early_ns,
        name=span.name,
        kind=span.kind,
        service=span.service,
        model=span.model,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        duration_ns=span.duration_ns,
        time_to_first_token_ns=span.time_to_first_token_ns,
        status=span.status,
        error_type=span.error_type,
        counted=span.counted,
        usage_status=span.usage_status,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cost=span.cost,
        cost_confidence=span.cost_confidence,
        critical_ns=critical_ns,
    )


def _summary(story: Story) -> TraceSummary:
    spans = story.spans
    roots = [span for span in spans if span.parent_span_id is None]
    first = (roots or spans)[0]
    calls = [span for span in spans if span.counted]
    costs = [span.cost for span in calls if span.cost is not None]
    failed = [span for span in spans if span.status == "error"]
    prompted = next((span for span in spans if span.prompt is not None), None)
    end = max(span.end_ns for span in spans)
    return TraceSummary(
        tenant=story.found.tenant,
        trace_id=story.trace_id,
        name=first.name,
        service=first.service,
        environment=first.environment,
        start=time_of(spans[0].start_ns),
        end=time_of(end),
        duration_ns=max((span.duration_ns for span in spans if span.duration_ns is not None), default=None),
        spans=len(spans),
        calls=len(calls),
        input_tokens=_sum([span.input_tokens for span in calls]),
        output_tokens=_sum([span.output_tokens for span in calls]),
        cost=sum(costs, Decimal(0)) if costs else None,
        cost_reason=cost_reason(
            len(calls),
            sum(span.cost_confidence == "unpriced" for span in calls),
            sum(span.cost_confidence == "missing" for span in calls),
        ),
        cost_estimated=any(span.cost_confidence == "estimated" for span in calls),
        errors=len(failed),
        error_type=max(failed, key=lambda span: span.end_ns).error_type if failed else None,
        models=sorted({span.model for span in calls if span.model is not None})[:MOST_MODELS],
        user=first_with(spans, "user"),
        session=first_with(spans, "session"),
        prompt=prompted.prompt if prompted else None,
        prompt_version=prompted.prompt_version if prompted else None,
        completeness=judge(
            root=bool(roots),
            missing=missing_parents(spans),
            end_ns=max((span.end_ns for span in roots), default=end),
            now_ns=ns_of(story.now),
        ),
    )


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
