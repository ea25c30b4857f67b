"""The line of each of some traces, from their spans in their newest state.

Asked for traces of which one span is known: rows are looked for around it, two minutes at first, and half a day where a
parent is missing then or the trace reaches further, which keeps a list fast at any size of the table. Not guaranteed,
therefore: spans further from the one that is known; the page of the trace has all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from string import Template
from typing import Any

from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards.traces._complete import cost_reason, judge
from spanpulse_dashboards.traces._filters import Condition, ns_of, time_of
from spanpulse_dashboards.traces._models import TraceSummary

__all__ = ["FAR_NS", "Sighting", "partial", "summaries", "summary_of"]

MINUTE_NS = 60 * 10**9
NEAR_NS = 2 * MINUTE_NS
FAR_NS = 12 * 60 * MINUTE_NS
MOST_MODELS = 10

# The newest correction that has a value wins. The rows of a few traces are few, so they are looked up by trace.
COUNTED = """LEFT ANY JOIN (
    SELECT log_source, target_log_offset, target_ordinal, argMax(counted, log_offset) AS counted,
        argMax(dropped, log_offset) AS dropped,
        argMax(user_id, log_offset) AS user_id, argMax(session_id, log_offset) AS session_id,
        argMax(prompt_name, log_offset) AS prompt_name, argMax(prompt_version, log_offset) AS prompt_version
    FROM span_updates WHERE trace_id IN {ids:Array(String)}
    GROUP BY log_source, target_log_offset, target_ordinal
) AS u ON u.log_source = s.log_source AND u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal"""

SUMMARY = Template("""
SELECT tenant, trace_id,
    argMin((name, service_name, environment), (isNotNull(parent_span_id), start_ns)) AS first,
    min(start_ns) AS earliest, max(end_ns) AS latest, max(duration_ns) AS longest,
    maxIf(end_ns, isNull(parent_span_id)) AS root_end, countIf(isNull(parent_span_id)) > 0 AS root,
    uniqExactIf(parent_span_id, isNotNull(parent_span_id))
        - length(arrayIntersect(groupUniqArray(span_id), groupUniqArray(assumeNotNull(parent_span_id)))) AS missing,
    count() AS spans, countIf(is_counted) AS calls,
    sumOrNullIf(input_tokens, is_counted) AS tokens_in, sumOrNullIf(output_tokens, is_counted) AS tokens_out,
    toString(sumOrNullIf(cost, is_counted)) AS money,
    countIf(is_counted AND cost_confidence = 'unpriced') AS unpriced,
    countIf(is_counted AND cost_confidence = 'missing') AS without_usage,
    countIf(is_counted AND cost_confidence = 'estimated') AS guessed,
    countIf(status = 'error') AS failed, argMaxIf(error_type, end_ns, status = 'error') AS error,
    arraySort(groupUniqArrayIf($most_models)(model, is_counted AND isNotNull(model))) AS models,
    argMinIf(who, start_ns, isNotNull(who)) AS user, argMinIf(chat, start_ns, isNotNull(chat)) AS session,
    argMinIf((prompt, version), start_ns, isNotNull(prompt)) AS prompted,
    $ranked
FROM (
    SELECT s.tenant AS tenant, s.trace_id AS trace_id, s.span_id AS span_id, s.parent_span_id AS parent_span_id,
        s.name AS name, s.service_name AS service_name, s.environment AS environment,
        toUnixTimestamp64Nano(s.start_time) AS start_ns, toUnixTimestamp64Nano(s.end_time) AS end_ns,
        s.duration_ns AS duration_ns, s.input_tokens AS input_tokens, s.output_tokens AS output_tokens,
        s.cost AS cost, s.cost_confidence AS cost_confidence, s.status AS status, s.error_type AS error_type,
        coalesce(s.response_model, s.request_model) AS model,
        coalesce(u.counted, s.counted) AS is_counted, coalesce(u.user_id, s.user_id) AS who,
        coalesce(u.session_id, s.session_id) AS chat, coalesce(u.prompt_name, s.prompt_name) AS prompt,
        coalesce(u.prompt_version, s.prompt_version) AS version, s.matching AS matching
    FROM (
        SELECT *, $matching AS matching FROM span_rows
        WHERE trace_id IN {ids:Array(String)} AND $where
    ) AS s $counted
    WHERE NOT coalesce(u.dropped, s.dropped)
)
GROUP BY tenant, trace_id
""")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A span of a trace: which one, and when; times in ns since the epoch. ``value`` is what its list is ordered by."""

    tenant: str
    trace_id: str
    start_ns: int
    end_ns: int
    value: str = ""


def summaries(
    sightings: Sequence[Sighting], matching: Condition, ranked: str, *, around_ns: int = NEAR_NS
) -> Statement:
    """Return the statement that reads the lines of these traces; rows are for `summary_of`.

    ``ranked`` is an aggregate over end_ns, duration_ns and ``matching`` (whether a span is what the list asks for).
    """
    parameters: dict[str, Any] = dict(matching.parameters)
    parameters["ids"] = sorted({each.trace_id for each in sightings})
    hints = []
    for number, (start, end, ids) in enumerate(_windows(sightings, around_ns)):
        hints.append(
            f"(trace_id IN {{ids{number}:Array(String)}}"
            f" AND end_time >= fromUnixTimestamp64Nano({{a{number}:Int64}})"
            f" AND end_time <= fromUnixTimestamp64Nano({{b{number}:Int64}}))"
        )
        parameters |= {f"ids{number}": ids, f"a{number}": start, f"b{number}": end}
    # The windows only choose which blocks are read: comparing each row with all of them would cost more than reading.
    where = f"indexHint({' OR '.join(hints)})"
    sql = SUMMARY.substitute(
        where=where, matching=matching.sql, ranked=ranked, counted=COUNTED, most_models=MOST_MODELS
    )
    return Statement(sql, parameters)


def partial(row: Mapping[str, Any], sighting: Sighting) -> bool:
    """Return whether a trace may have spans that were too far from the one that is known to be looked for."""
    first, last = _around(sighting, NEAR_NS)
    return bool(row["missing"] or not row["root"] or int(row["earliest"]) < first or int(row["latest"]) > last)


def summary_of(row: Mapping[str, Any], now: datetime) -> TraceSummary:
    """Return the line of a trace from its row, judged at ``now``."""
    name, service, environment = row["first"]
    prompt, version = row["prompted"]
    root, latest = bool(row["root"]), int(row["latest"])
    return TraceSummary(
        tenant=row["tenant"],
        trace_id=row["trace_id"],
        name=name,
        service=service,
        environment=environment,
        start=time_of(int(row["earliest"])),
        end=time_of(latest),
        duration_ns=row["longest"],
        spans=row["spans"],
        calls=row["calls"],
        input_tokens=row["tokens_in"],
        output_tokens=row["tokens_out"],
        cost=Decimal(row["money"]) if row["money"] is not None else None,
        cost_reason=cost_reason(row["calls"], row["unpriced"], row["without_usage"]),
        cost_estimated=row["guessed"] > 0,
        errors=row["failed"],
        error_type=row["error"] if row["failed"] else None,
        models=row["models"],
        user=row["user"],
        session=row["session"],
        prompt=prompt,
        prompt_version=version,
        completeness=judge(
            root=root,
            missing=row["missing"],
            end_ns=int(row["root_end"]) if root else latest,
            now_ns=ns_of(now),
        ),
    )


def _windows(sightings: Iterable[Sighting], around: int) -> list[tuple[int, int, list[str]]]:
    """Return times around the spans, one where they overlap, each with the traces that are looked for in it."""
    found: list[tuple[int, int, list[str]]] = []
    for each in sorted(sightings, key=lambda each: each.start_ns):
        start, end = _around(each, around)
        if found and start <= found[-1][1]:
            first, last, ids = found[-1]
            found[-1] = (first, max(last, end), [*ids, each.trace_id])
        else:
            found.append((start, end, [each.trace_id]))
    return found


def _around(sighting: Sighting, around: int) -> tuple[int, int]:
    times = sighting.start_ns, sighting.end_ns
    return min(times) - around, max(times) + around
