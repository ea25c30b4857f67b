"""The spans of one trace in their newest state, without their texts.

Read by trace id through a bloom filter, whatever their age; corrections come from `span_updates`, where the newest row
that has a value wins, column by column. A span that is stored twice is there once: its other row is dropped. At most
`MOST_SPANS` are read, earliest first. Not guaranteed: one consistent moment; a batch may be stored between the
statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards.traces._ask import ask_now

__all__ = ["MOST_SPANS", "Place", "Span", "Spans", "first_with", "read_spans", "read_update", "tenants_of"]

MOST_SPANS = 20_000
MOST_TENANTS = 20

TENANTS = Statement(
    f"SELECT tenant, count() AS spans FROM span_rows WHERE trace_id = {{trace_id:String}}"
    f" GROUP BY tenant ORDER BY tenant LIMIT {MOST_TENANTS}"
)
LIGHT = f"""
SELECT log_source, log_offset, ordinal, span_id, parent_span_id,
    toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns, duration_ns,
    time_to_first_token_ns, name, kind, service_name, environment, coalesce(response_model, request_model) AS model,
    status, error_type, counted, usage_status, input_tokens, output_tokens, toString(cost) AS cost, cost_confidence,
    user_id, session_id, prompt_name, prompt_version, dropped
FROM span_rows WHERE trace_id = {{trace_id:String}} AND tenant = {{tenant:String}}
ORDER BY start_time, log_source, log_offset, ordinal LIMIT {MOST_SPANS + 1}
"""
UPDATES = f"""
SELECT log_source, target_log_offset AS log_offset, target_ordinal AS ordinal,
    argMax(counted, span_updates.log_offset) AS counted, argMax(dropped, span_updates.log_offset) AS dropped,
    argMax(user_id, span_updates.log_offset) AS user_id,
    argMax(session_id, span_updates.log_offset) AS session_id,
    argMax(prompt_name, span_updates.log_offset) AS prompt_name,
    argMax(prompt_version, span_updates.log_offset) AS prompt_version,
    argMax(reason, span_updates.log_offset) AS reason
FROM span_updates WHERE trace_id = {{trace_id:String}} AND tenant = {{tenant:String}}
GROUP BY log_source, log_offset, ordinal LIMIT {MOST_SPANS}
"""
CORRECTED = ("counted", "dropped", "user_id", "session_id", "prompt_name", "prompt_version")
Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times are ns since the epoch; ``place`` is log source, offset and ordinal."""

    place: Place
    span_id: str
    parent_span_id: str | None
    start_ns: int
    end_ns: int
    duration_ns: int | None
    time_to_first_token_ns: int | None
    name: str
    kind: str
    service: str | None
    environment: str | None
    model: str | None
    status: str
    error_type: str | None
    counted: bool
    usage_status: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    cost_confidence: str | None
    user: str | None
    session: str | None
    prompt: str | None
    prompt_version: str | None


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of a trace, earliest first. ``corrected``: place -> why; ``more``: whether there are further ones."""

    tenant: str
    spans: list[Span]
    corrected: dict[Place, str]
    more: bool


async def tenants_of(backend: Backend, trace_id: str) -> list[str]:
    """Return whose traces have this id. Raises QueryFailed."""
    return [row["tenant"] for row in await ask_now(backend, Statement(TENANTS.sql, {"trace_id": trace_id}))]


async def read_spans(backend: Backend, tenant: str, trace_id: str) -> Spans:
    """Return the spans of a trace; none where there is no such trace. Raises QueryFailed."""
    named = {"trace_id": trace_id, "tenant": tenant}
    rows = await ask_now(backend, Statement(LIGHT, named))
    updates = {_place(row): row for row in await ask_now(backend, Statement(UPDATES, named))} if rows else {}
    newest = [(row, updates.get(_place(row), {})) for row in rows[:MOST_SPANS]]
    spans = [_span(row, update) for row, update in newest if not _is_dropped(row, update)]
    corrected = {place: str(row["reason"]) for place, row in updates.items()}
    return Spans(tenant, spans, corrected, len(rows) > MOST_SPANS)


def _place(row: Mapping[str, Any]) -> Place:
    return int(row["log_source"]), int(row["log_offset"]), int(row["ordinal"])


def _is_dropped(row: Row, update: Mapping[str, Any]) -> bool:
    return bool(row["dropped"] or update.get("dropped"))


def _span(row: Row, update: Mapping[str, Any]) -> Span:
    newest = {name: row[name] if update.get(name) is None else update[name] for name in CORRECTED}
    return Span(
        place=_place(row),
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        start_ns=int(row["start_ns"]),
        end_ns=int(row["end_ns"]),
        duration_ns=row["duration_ns"],
        time_to_first_token_ns=row["time_to_first_token_ns"],
        name=row["name"],
        kind=row["kind"],
        service=row["service_name"],
        environment=row["environment"],
        model=row["model"],
        status=row["status"],
        error_type=row["error_type"],
        counted=bool(newest["counted"]),
        usage_status=row["usage_status"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost=Decimal(row["cost"]) if row["cost"] is not None else None,
        cost_confidence=row["cost_confidence"],
        user=newest["user_id"],
        session=newest["session_id"],
        prompt=newest["prompt_name"],
        prompt_version=newest["prompt_version"],
    )


def first_with(spans: Sequence[Span], name: str) -> Any:
    """Return an attribute of the earliest span that has it, else None."""
    return next((found for span in spans if (found := getattr(span, name)) is not None), None)


async def read_update(backend: Backend, tenant: str, trace_id: str, span_id: str, row: Row) -> Mapping[str, Any]:
    """Return the newest corrections of one span, {} where there are none. Raises QueryFailed."""
    where = "AND span_id = {span_id:String}\nGROUP BY"
    sql = UPDATES.replace("GROUP BY", where, 1)
    named = {"trace_id": trace_id, "tenant": tenant, "span_id": span_id}
    found = await ask_now(backend, Statement(sql, named))
    mine = next((each for each in found if _place(each) == _place(row)), None)
    return {} if mine is None else {name: mine[name] for name in (*CORRECTED, "reason")}
