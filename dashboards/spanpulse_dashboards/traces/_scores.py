"""The verdicts on a trace or a span: evaluation results that came with spans or in log records.

Looked for from the day on which the trace began; a score is stored with the day of its own receipt. Not guaranteed:
scores that name a response alone.
"""

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards.traces._ask import ask_now
from spanpulse_dashboards.traces._detail_models import Score
from spanpulse_dashboards.traces._filters import time_of

__all__ = ["read_scores"]

MOST_SCORES = 100
SCORES = f"""
SELECT name, evaluator, value, label, substringUTF8(explanation, 1, 4000) AS explanation,
    toUnixTimestamp64Nano(time) AS time_ns, span_id
FROM scores
WHERE tenant = {{tenant:String}} AND trace_id = {{trace_id:String}}
    AND toDate(received_at) >= toDate(fromUnixTimestamp64Nano({{since_ns:Int64}})) $of_span
ORDER BY time, name LIMIT {MOST_SCORES}
"""
OF_SPAN = "AND ifNull(span_id, '') IN ('', {span_id:String})"


async def read_scores(
    backend: Backend, tenant: str, trace_id: str, since_ns: int, span_id: str | None = None
) -> list[Score]:
    """Return the scores of a trace that began at ``since_ns``, or those of one span and of the trace as a whole."""
    parameters: dict[str, str | int] = {"tenant": tenant, "trace_id": trace_id, "since_ns": since_ns}
    if span_id is not None:
        parameters["span_id"] = span_id
    sql = SCORES.replace("$of_span", OF_SPAN if span_id is not None else "")
    return [_score(row) for row in await ask_now(backend, Statement(sql, parameters))]


def _score(row: Row) -> Score:
    return Score(**{name: row[name] for name in row if name != "time_ns"}, time=time_of(int(row["time_ns"])))
