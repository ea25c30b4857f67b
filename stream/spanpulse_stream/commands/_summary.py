"""The summary of a demo: requests, tokens, cost by model, percentiles, errors, completeness, as tables for a person.

Every figure is read from the database the way a dashboard would read it: sums and sketches of the rollups.
"""

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spanpulse_sinks.clickhouse import percentiles
from spanpulse_stream.commands._figures import Read
from spanpulse_stream.commands._show import count_of, milliseconds_of, plain_of, seconds_of, short_of, usd_of

__all__ = ["print_summary"]

SUMS = """
    toInt64(sum(requests)) AS requests, toInt64(sum(errors)) AS errors,
    toInt64(sum(input_tokens)) AS input_tokens, toInt64(sum(output_tokens)) AS output_tokens,
    toInt64(sum(cache_read_tokens)) AS cache_read_tokens,
    toString(sum(cost)) AS cost, toString(sum(cost_computed)) AS computed, toString(sum(cost_estimated)) AS estimated,
    toString(sum(cost_provider)) AS stated,
    toInt64(sum(requests_unpriced)) AS unpriced, toInt64(sum(requests_usage_missing)) AS missing
"""
LATENCY = percentiles("latency", [0.5, 0.95, 0.99])
FIRST_TOKEN = percentiles("time_to_first_token", [0.5, 0.95])
BY_MODEL = f"""
SELECT model, any(r.provider) AS provider, {SUMS}, {LATENCY} AS latency, {FIRST_TOKEN} AS first_token
FROM rollup_minute AS r GROUP BY model ORDER BY sum(r.cost) DESC, requests DESC, model LIMIT 25
"""  # noqa: S608 -- expressions of our own
TOTAL = f"SELECT {SUMS}, {LATENCY} AS latency, {FIRST_TOKEN} AS first_token FROM rollup_minute"  # noqa: S608
ERRORS = """
SELECT kind, toInt64(count) AS count FROM (SELECT sumMap(errors_by_type) AS found FROM rollup_minute)
ARRAY JOIN mapKeys(found) AS kind, mapValues(found) AS count WHERE count > 0 ORDER BY count DESC, kind LIMIT 8
"""


def print_summary(read: Read, completeness: dict[str, int], console: Console) -> None:
    """Print the summary; ``completeness`` is that of the status. Raises what ``read`` raises."""
    (total,) = read(TOTAL, {})
    console.print()
    console.print(f"[bold]{count_of(total['requests'])} model calls[/], {_share(total['errors'], total)} failed")
    console.print(
        f"tokens: {count_of(total['input_tokens'])} in ({count_of(total['cache_read_tokens'])} from a cache), "
        f"{count_of(total['output_tokens'])} out"
    )
    console.print(f"cost: [bold]{usd_of(Decimal(total['cost']))}[/] ({_confidence(total)})")
    console.print(f"latency: {_times(total['latency'], ('p50', 'p95', 'p99'))}")
    console.print(f"time to first token: {_times(total['first_token'], ('p50', 'p95'))}")
    console.print()
    console.print(_models(read(BY_MODEL, {})))
    console.print()
    _print_errors(read(ERRORS, {}), console)
    _print_completeness(completeness, console)


def _share(part: int, total: dict[str, Any]) -> str:
    whole = total["requests"]
    return f"{count_of(part)} ({part / whole:.1%})" if whole else "none"


def _confidence(row: dict[str, Any]) -> str:
    """Say how sure a cost is: by whom it was computed, and which requests have none."""
    parts = [
        f"{usd_of(Decimal(row[name]))} {name}" for name in ("stated", "computed", "estimated") if Decimal(row[name])
    ]
    if row["unpriced"]:
        parts.append(f"{count_of(row['unpriced'])} requests without a known price")
    if row["missing"]:
        parts.append(f"{count_of(row['missing'])} without usage")
    return ", ".join(parts) or "no request with usage"


def _times(nanoseconds: list[float], names: tuple[str, ...]) -> str:
    if not nanoseconds:
        return "not measured"
    return ", ".join(f"{name} {milliseconds_of(ns / 1e6)}" for name, ns in zip(names, nanoseconds, strict=True))


def _models(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True, min_width=26)
    for title in ("calls", "in", "out", "cost", "p50", "p95", "1st token", "errors"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("price", no_wrap=True)
    for row in rows:
        latency = [seconds_of(ns / 1e9) for ns in row["latency"][:2]] or ["-", "-"]
        first = [seconds_of(ns / 1e9) for ns in row["first_token"][:1]] or ["-"]
        table.add_row(
            escape(plain_of(row["model"] or row["provider"] or "unknown")),
            count_of(row["requests"]),
            short_of(row["input_tokens"]),
            short_of(row["output_tokens"]),
            usd_of(Decimal(row["cost"])) if row["unpriced"] + row["missing"] < row["requests"] else "-",
            *latency,
            *first,
            count_of(row["errors"]),
            _level(row),
        )
    return table


def _level(row: dict[str, Any]) -> str:
    """Return the confidence of most of a model's requests, in a word."""
    if row["unpriced"] * 2 > row["requests"]:
        return "[yellow]unpriced[/]"
    if row["missing"] * 2 > row["requests"]:
        return "[yellow]missing[/]"
    known = {name: Decimal(row[name]) for name in ("stated", "computed", "estimated")}
    return max(known, key=lambda name: known[name]) if any(known.values()) else "-"


def _print_errors(rows: list[dict[str, Any]], console: Console) -> None:
    listed = ", ".join(f"{plain_of(row['kind'] or 'unknown')} {count_of(row['count'])}" for row in rows)
    console.print(f"errors: {listed or 'none'}", markup=False)


def _print_completeness(counts: dict[str, int], console: Console) -> None:
    parts = [f"{count_of(counts[name])} {name.replace('_', '-')}" for name in ("stored", "duplicate", "dead_lettered")]
    parts += [f"{count_of(counts[name])} {name}" for name in ("filtered", "pending")]
    console.print(f"completeness: {count_of(counts['accepted'])} records accepted = {' + '.join(parts)}")
    if counts["unaccounted"]:
        console.print(f"[red]{counts['unaccounted']} records are unaccounted for[/]")
