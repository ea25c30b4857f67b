"""Which span counts for a call that does not count itself: nested instrumentations report one call several times.

Looked for in the same trace: a span of the same response, a counted call below it, or one above it. Not guaranteed: a
find; the span that counts may be in another trace.
"""

from collections.abc import Mapping
from typing import Any

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards.traces._ask import ask_now
from spanpulse_dashboards.traces._detail_models import CountedBy
from spanpulse_dashboards.traces._spans import Span, read_spans

__all__ = ["counted_by"]

SAME_RESPONSE = Statement(
    "SELECT span_id FROM span_rows WHERE trace_id = {trace_id:String} AND tenant = {tenant:String}"
    " AND response_id = {response_id:String} AND counted AND span_id != {span_id:String} LIMIT 1"
)
WORDS = {
    "response_id": "another span reports the same response",
    "descendant": "a span below it reports the call",
    "ancestor": "a span above it reports the call",
    "native_span": "the provider's own span reports the call",
    "same_moment": "another span of the same process reports the call",
}
MOST_STEPS = 1_000


async def counted_by(backend: Backend, row: Row, update: Mapping[str, Any]) -> CountedBy:
    """Return which span counts for the call of ``row``, a span of which none is counted. Raises QueryFailed."""
    reason = WORDS.get(str(update.get("reason") or ""), "another span reports the call")
    keys = {name: row[name] for name in ("tenant", "trace_id", "span_id")}
    if row["response_id"]:
        same = Statement(SAME_RESPONSE.sql, {**keys, "response_id": row["response_id"]})
        if found := await ask_now(backend, same):
            return CountedBy(span_id=found[0]["span_id"], reason=WORDS["response_id"])
    spans = (await read_spans(backend, keys["tenant"], keys["trace_id"])).spans
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        if span.counted and row["span_id"] in _above(span, by_id):
            return CountedBy(span_id=span.span_id, reason=WORDS["descendant"])
    itself = by_id.get(row["span_id"])
    for above in _above(itself, by_id) if itself is not None else ():
        if by_id[above].counted:
            return CountedBy(span_id=above, reason=WORDS["ancestor"])
    return CountedBy(span_id=None, reason=reason)


def _above(span: Span, by_id: Mapping[str, Span]) -> list[str]:
    """Return the ids of the spans above one, nearest first."""
    found: list[str] = []
    here = span
    while len(found) < MOST_STEPS:
        parent = by_id.get(here.parent_span_id or "")
        if parent is None or parent.span_id in found:
            break
        found.append(parent.span_id)
        here = parent
    return found
