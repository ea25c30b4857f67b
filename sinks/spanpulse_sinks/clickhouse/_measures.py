"""The measures of the rollup tables, and SQL expressions that read them.

`MEASURES` is the one list of them. {measures} stands for those that the tables began with, {later_measures} for what
adds the others. Percentiles are those of the log buckets: at most 1 % from the exact ones, in ns. Not guaranteed:
anything about a level outside (0, 1].
"""

from collections.abc import Sequence

__all__ = ["GAMMA", "MEASURES", "later_measures", "measure_columns", "percentiles", "readable_measures", "times_in_ms"]

GAMMA = "1.0202020202"
LEVELS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

INTEGER = "SimpleAggregateFunction(sum, Int64)"
MONEY = "SimpleAggregateFunction(sum, Decimal(38, 12))"
BY_TYPE = "SimpleAggregateFunction(sumMap, Map(String, Int64))"
# Half of the time of a percentile over a day goes into reading; LZ4 costs a byte a span and halves that.
SKETCH = "SimpleAggregateFunction(sumMap, Map(Int16, Int64)) CODEC(LZ4)"

MEASURES: dict[str, str] = {
    "requests": INTEGER,
    "weighted_requests": INTEGER,
    "errors": INTEGER,
    "weighted_errors": INTEGER,
    "errors_by_type": BY_TYPE,
    "input_tokens": INTEGER,
    "output_tokens": INTEGER,
    "cache_read_tokens": INTEGER,
    "cache_write_tokens": INTEGER,
    "reasoning_tokens": INTEGER,
    "weighted_input_tokens": INTEGER,
    "weighted_output_tokens": INTEGER,
    "cost": MONEY,
    "weighted_cost": MONEY,
    "cost_provider": MONEY,
    "cost_computed": MONEY,
    "cost_estimated": MONEY,
    "requests_usage_missing": INTEGER,
    "requests_unpriced": INTEGER,
    "weighted_requests_usage_missing": INTEGER,
    "weighted_requests_unpriced": INTEGER,
    "latency": SKETCH,
    "time_to_first_token": SKETCH,
    "time_per_output_token": SKETCH,
}
KNOWN = "sum(r.requests) > sum(r.requests_usage_missing) + sum(r.requests_unpriced)"
LATER: dict[str, str] = {
    "weighted_requests_usage_missing": "requests_usage_missing",
    "weighted_requests_unpriced": "requests_unpriced",
}
"""Measures that rows of before do not have -> what they are the weighted sum of."""


def measure_columns() -> str:
    """Return the columns that stand for {measures}."""
    return ",\n    ".join(f"{name} {kind}" for name, kind in MEASURES.items() if name not in LATER)


def later_measures() -> str:
    """Return the clauses of an ALTER that adds the measures in `LATER`, each in its place."""
    names = list(MEASURES)
    return ",\n    ".join(
        f"ADD COLUMN IF NOT EXISTS {name} {MEASURES[name]} DEFAULT {_by_share(observed)}"
        f" AFTER {names[names.index(name) - 1]}"
        for name, observed in LATER.items()
    )


def _by_share(observed: str) -> str:
    """Return what a row of before is taken to have: exact where its calls have one weight, or are all of the kind."""
    scaled = f"toInt64(intDivOrZero(toInt128({observed}) * weighted_requests, requests))"
    return f"if(requests = 0, {observed}, {scaled})"


def percentiles(column: str, levels: Sequence[float]) -> str:
    """Return SQL for the percentiles of all rows of a group, an Array(Float64) in ns, empty where nothing was timed.

    ``column`` is a sketch column (``latency``); the expression is an aggregate. Levels lie in (0, 1].
    """
    if not levels or not all(0 < level <= 1 for level in levels):
        raise ValueError(f"percentile levels lie in (0, 1]: {list(levels)}")
    merged = f"mapFilter((k, n) -> n > 0, sumMap({column}))"
    shown = ", ".join(repr(float(level)) for level in levels)
    found = (
        f"arrayReduce('quantilesExactWeightedArray({shown})', [mapKeys({merged})],"
        f" [arrayMap(n -> toUInt64(n), mapValues({merged}))])"
    )
    return f"if(empty({merged}), [], arrayMap(k -> 2 * pow({GAMMA}, k) / (1 + {GAMMA}), {found}))"


def times_in_ms(column: str) -> str:
    """Return select items ``<column>_p50_ms`` and so on, NULL where nothing was timed."""
    found = percentiles(f"r.{column}", list(LEVELS.values()))
    items = [
        f"nullIf(arrayElement({found}, {place}), 0) / 1e6 AS {column}_{name}_ms"
        for place, name in enumerate(LEVELS, start=1)
    ]
    return ",\n    ".join(items)


def readable_measures() -> str:
    """Return the select items of a view over a rollup table ``r``: sums under their names, times in ms.

    A cost is NULL where that of no call is known.
    """
    items = []
    for name, kind in MEASURES.items():
        if kind == SKETCH:
            items.append(times_in_ms(name))
        elif name in {"cost", "weighted_cost"}:
            items.append(f"if({KNOWN}, sum(r.{name}), NULL) AS {name}")
        else:
            items.append(f"{'sumMap' if kind == BY_TYPE else 'sum'}(r.{name}) AS {name}")
    return ",\n    ".join(items)
