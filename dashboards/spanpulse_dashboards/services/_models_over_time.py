"""Cost and requests by model: the dearest with a line of their own, the rest as one."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import ModelShare, Series
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import CALLS, Inapplicable, calls_table, rows_of

__all__ = ["ModelCosts", "read_models"]

MOST = 8
NO_MODELS = "by user the models are not kept"


@dataclass(frozen=True, slots=True)
class ModelCosts:
    """The lines of the chart and the shares of the models."""

    series: list[Series]
    shares: list[ModelShare]


async def read_models(backend: Backend, scope: Scope, window: Window, numbers: list[int]) -> ModelCosts:
    """Return the models of a scope by bucket number. Raises Inapplicable, QueryFailed."""
    if calls_table(scope) is not CALLS:
        raise Inapplicable(NO_MODELS)
    rows = await backend.rows(_statement(scope, window), window)
    return ModelCosts(_series(rows, numbers), _shares(rows))


def _statement(scope: Scope, window: Window) -> Statement:
    """Return the query: each model's place by cost, then one row for a bucket and a place up to the last."""
    found = rows_of(CALLS, scope, window, by_bucket=True)
    sql = f"""
        SELECT if(place <= {MOST}, model, '') AS shown, place > {MOST} AS other, bucket,
            sum(requests) AS calls, toString(sum(cost)) AS amount, sum(priced) AS known
        FROM (
            SELECT *, dense_rank() OVER (ORDER BY whole DESC, whole_requests DESC, model) AS place
            FROM (
                SELECT *, sum(cost) OVER (PARTITION BY model) AS whole,
                    sum(requests) OVER (PARTITION BY model) AS whole_requests
                FROM (
                    SELECT r.model AS model, intDiv(toUnixTimestamp(r.minute), {{bucket:UInt32}}) AS bucket,
                        sum(r.weighted_requests) AS requests, sum(r.weighted_cost) AS cost,
                        sum(r.requests - r.requests_usage_missing - r.requests_unpriced) AS priced
                    FROM {found.sql} AS r
                    GROUP BY model, bucket
                )
            )
        )
        GROUP BY shown, other, bucket"""
    return Statement(sql, {**found.parameters, "bucket": window.bucket})


def _series(rows: tuple[Row, ...], numbers: list[int]) -> list[Series]:
    lines: dict[tuple[bool, str], dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row["known"]:
            lines[bool(row["other"]), row["shown"]][int(row["bucket"])] = float(row["amount"])
    order = sorted(lines, key=lambda line: (line[0], -sum(lines[line].values()), line[1]))
    return [
        Series(name=name, other=other, values=[lines[other, name].get(number) for number in numbers])
        for other, name in order
    ]


def _shares(rows: tuple[Row, ...]) -> list[ModelShare]:
    calls: dict[tuple[bool, str], float] = defaultdict(float)
    costs: dict[tuple[bool, str], Decimal] = defaultdict(Decimal)
    known: dict[tuple[bool, str], int] = defaultdict(int)
    for row in rows:
        line = bool(row["other"]), row["shown"]
        calls[line] += row["calls"]
        costs[line] += Decimal(row["amount"])
        known[line] += row["known"]
    all_calls, all_costs = sum(calls.values()), sum(costs.values())
    return [
        ModelShare(
            model=line[1],
            other=line[0],
            requests=calls[line],
            requests_share=calls[line] / all_calls,
            cost=costs[line] if known[line] else None,
            cost_share=float(costs[line] / all_costs) if known[line] and all_costs else None,
        )
        for line in sorted(calls, key=lambda line: (line[0], -calls[line], line[1]))
        if all_calls
    ]
