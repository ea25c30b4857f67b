"""Calls by session, which no rollup keeps: counted spans in their newest state, shaped like the rows of a rollup.

Durations become buckets of the same sketches, so that percentiles are the same. Not guaranteed: speed; this reads
every span of the range.
"""

from spanpulse_dashboards._period import Window
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import Condition
from spanpulse_sinks.clickhouse import GAMMA

__all__ = ["SESSION_SPANS", "session_condition"]

KNOWN = "s.usage_status IN ('reported', 'estimated')"
COST = "ifNull(s.cost, toDecimal128(0, 12))"


def _sketch(column: str) -> str:
    bucket = f"toInt16(ceil(log(greatest(s.{column}, 1)) / log({GAMMA})))"
    return f"if(s.{column} IS NULL, map(), map(assumeNotNull({bucket}), s.weight))::Map(Int16, Int64)"


SESSION_SPANS = f"""(
    SELECT
        s.end_time AS end_time, s.received_at AS received_at, s.tenant AS tenant,
        ifNull(s.service_name, '') AS service_name, ifNull(s.environment, '') AS environment,
        ifNull(s.provider, '') AS provider, coalesce(s.response_model, s.request_model, '') AS model,
        coalesce(u.prompt_name, s.prompt_name, '') AS prompt_name,
        coalesce(u.prompt_version, s.prompt_version, '') AS prompt_version,
        coalesce(u.user_id, s.user_id, '') AS user_id, coalesce(u.session_id, s.session_id, '') AS session_id,
        toInt64(1) AS requests, s.weight AS weighted_requests,
        s.weight * (s.status = 'error') AS weighted_errors,
        ifNull(s.input_tokens, 0) AS input_tokens,
        ifNull(s.input_tokens, 0) * s.weight AS weighted_input_tokens,
        ifNull(s.output_tokens, 0) * s.weight AS weighted_output_tokens,
        ifNull(s.cache_read_tokens, 0) AS cache_read_tokens, ifNull(s.cache_write_tokens, 0) AS cache_write_tokens,
        {COST} AS cost, {COST} * s.weight AS weighted_cost,
        if(s.cost_confidence = 'provider', {COST}, toDecimal128(0, 12)) AS cost_provider,
        if(s.cost_confidence = 'computed', {COST}, toDecimal128(0, 12)) AS cost_computed,
        if(s.cost_confidence = 'estimated', {COST}, toDecimal128(0, 12)) AS cost_estimated,
        toInt64(NOT ifNull({KNOWN}, 0)) AS requests_usage_missing,
        toInt64(ifNull({KNOWN}, 0) AND s.cost IS NULL) AS requests_unpriced,
        requests_usage_missing * s.weight AS weighted_requests_usage_missing,
        requests_unpriced * s.weight AS weighted_requests_unpriced,
        {_sketch("duration_ns")} AS latency, {_sketch("time_to_first_token_ns")} AS time_to_first_token
    FROM span_rows AS s
    LEFT ANY JOIN (
        SELECT log_source, target_log_offset, target_ordinal, argMax(counted, log_offset) AS counted,
            argMax(dropped, log_offset) AS dropped,
            argMax(user_id, log_offset) AS user_id, argMax(session_id, log_offset) AS session_id,
            argMax(prompt_name, log_offset) AS prompt_name, argMax(prompt_version, log_offset) AS prompt_version
        FROM span_updates
        WHERE target_received_at >= {{start_0:DateTime('UTC')}} - INTERVAL 1 DAY
        GROUP BY log_source, target_log_offset, target_ordinal
    ) AS u ON u.log_source = s.log_source AND u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal
    WHERE s.received_at >= {{start_0:DateTime('UTC')}} - INTERVAL 1 DAY
        AND s.end_time >= {{start_0:DateTime('UTC')}} AND s.end_time < {{end_0:DateTime('UTC')}}
        AND coalesce(u.counted, s.counted) AND NOT coalesce(u.dropped, s.dropped)
)"""
"""What stands in the place of a rollup; its places are filled by `session_condition`."""

COLUMNS = {
    "tenant": "tenant",
    "service": "service_name",
    "environment": "environment",
    "provider": "provider",
    "model": "model",
    "prompt": "prompt_name",
    "prompt_version": "prompt_version",
    "user": "user_id",
    "session": "session_id",
}


def session_condition(scope: Scope, window: Window) -> Condition:
    """Return the condition that a scope sets on `SESSION_SPANS`; calls without a session are left out."""
    parameters: dict[str, int | list[str]] = {
        "start_0": int(window.start.timestamp()),
        "end_0": int(window.end.timestamp()),
    }
    found = ["r.session_id != ''"]
    for name, values in scope.filters:
        found.append(f"r.{COLUMNS[name]} IN {{in_{name}:Array(String)}}")
        parameters[f"in_{name}"] = list(values)
    return Condition(" AND ".join(found), parameters)
