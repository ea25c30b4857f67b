"""Models that the price book does not know: what is missing in the bill."""

from datetime import UTC, datetime

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import UnpricedModel, UnpricedModels
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import CALLS, Inapplicable, calls_table, condition

__all__ = ["unpriced_models"]

MOST = 100
NO_MODELS = "by user the models are not kept: take the filter away"


async def unpriced_models(backend: Backend, scope: Scope) -> UnpricedModels:
    """Return the unpriced models of a scope, most requests first. Raises QueryFailed."""
    window = backend.window(scope)
    told = backend.range_of(scope, window)
    try:
        table = calls_table(scope)
    except Inapplicable as reason:
        return UnpricedModels(range=told, models=[], reason=str(reason))
    if table is not CALLS:
        return UnpricedModels(range=told, models=[], reason=NO_MODELS)
    where = condition(CALLS, scope, window)
    sql = f"""
        SELECT r.provider AS provider, r.model AS model, sum(r.weighted_requests_unpriced) AS requests,
            sum(r.weighted_input_tokens) AS input_tokens, sum(r.weighted_output_tokens) AS output_tokens,
            toUnixTimestamp(minIf(r.minute, r.requests_unpriced > 0)) AS first,
            toUnixTimestamp(maxIf(r.minute, r.requests_unpriced > 0)) AS last
        FROM rollup_minute AS r
        WHERE {where.sql}
        GROUP BY provider, model
        HAVING requests > 0
        ORDER BY requests DESC, provider, model
        LIMIT {MOST}"""
    rows = await backend.rows(Statement(sql, where.parameters), window)
    empty = not rows and not await _any_call(backend, scope, window)
    return UnpricedModels(range=told, models=[_model(row) for row in rows], empty=empty)


async def _any_call(backend: Backend, scope: Scope, window: Window) -> bool:
    where = condition(CALLS, scope, window)
    sql = f"SELECT sum(r.requests) AS calls FROM rollup_minute AS r WHERE {where.sql}"
    (row,) = await backend.rows(Statement(sql, where.parameters), window)
    return int(row["calls"]) > 0


def _model(row: Row) -> UnpricedModel:
    return UnpricedModel(
        provider=row["provider"],
        model=row["model"],
        requests=int(row["requests"]),
        input_tokens=int(row["input_tokens"]),
        output_tokens=int(row["output_tokens"]),
        first=datetime.fromtimestamp(int(row["first"]), UTC),
        last=datetime.fromtimestamp(int(row["last"]), UTC),
    )
