"""The overview queries over the rollups of 10 M spans: requests, cost and percentiles by model over 24 hours.

The rollup rows are made in SQL with the mix of models, services and prompts of the demo; 60 % of the spans are model
calls. They come in one insert a minute of receipt, as merged batches leave them; nothing is optimised before the
queries run.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from spanpulse_dashboards import services
from spanpulse_dashboards._backend import Backend, Lag
from spanpulse_dashboards._freshness import Freshness
from spanpulse_dashboards._reader import Reader
from spanpulse_dashboards._scope import Scope
from spanpulse_sinks.clickhouse import MEASURES, EmbeddedDatabase, percentiles, query
from spanpulse_sinks.clickhouse._measures import GAMMA
from spanpulse_stream.traffic._plan import MODELS, PROMPTS, SERVICES

SPANS = 10_000_000
CALLS = SPANS * 6 // 10
MINUTES = 1440
REPEATS = 7
LEVELS = [0.5, 0.95, 0.99]
RECENT = "minute >= now() - INTERVAL 24 HOUR"
QUERIES = {
    "requests, errors, tokens, cost": "SELECT sum(requests), sum(errors), sum(input_tokens), sum(output_tokens),"
    f" sum(cost) FROM rollup_minute WHERE {RECENT}",
    "requests and cost by minute": f"SELECT minute, sum(requests), sum(cost) FROM rollup_minute WHERE {RECENT}"
    " GROUP BY minute ORDER BY minute",
    "requests, cost, latency percentiles by model": "SELECT provider, model, sum(requests), sum(errors), sum(cost),"
    f" {percentiles('latency', LEVELS)} FROM rollup_minute WHERE {RECENT} GROUP BY provider, model ORDER BY sum(cost)",
    "latency percentiles by quarter of an hour": "SELECT toStartOfFifteenMinutes(minute) AS quarter,"
    f" {percentiles('latency', LEVELS)} FROM rollup_minute WHERE {RECENT} GROUP BY quarter ORDER BY quarter",
    "time to first token by model": f"SELECT model, {percentiles('time_to_first_token', LEVELS)}"
    f" FROM rollup_minute WHERE {RECENT} GROUP BY model",
}


def measure(folder: Path) -> None:
    """Make the rows, then run each query a few times."""
    with EmbeddedDatabase.open(folder) as database:
        begun = time.perf_counter()
        step = 60
        for first in range(0, MINUTES, step):
            database.writer.command(_rows(first, step))
        quarters = "SELECT * REPLACE (toStartOfFifteenMinutes(minute) AS minute) FROM rollup_minute"
        database.control.command(f"INSERT INTO rollup_quarter {quarters}")
        count = "SELECT count(), (SELECT sum(requests) FROM rollup_minute) FROM rollup_minute"
        rows = query(database, count, output_format="TSV").decode().split()
        print(f"{rows[0]} rows of {rows[1]} calls, made in {time.perf_counter() - begun:.0f} s")
        for name, sql in QUERIES.items():
            times = [_timed(database, sql) for _ in range(REPEATS)]
            print(f"  {name:<46} median {statistics.median(times) * 1000:5.0f} ms, slowest {max(times) * 1000:5.0f} ms")
        asyncio.run(_page(database))


async def _page(database: EmbeddedDatabase) -> None:
    """Ask what the page asks, each time as if something had been stored since."""
    reader = Reader(database)
    batches = iter(range(10**9))

    async def status() -> dict[str, Any]:
        return {}

    backend = Backend(reader, Freshness(lambda: 0.0), status, lambda: Lag(0, 0.0), "benchmark")
    scope = Scope()
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "overview": lambda: services.overview(backend, scope),
        "table by model": lambda: services.breakdown(backend, scope, by="model"),
        "filters": lambda: services.facets(backend, scope),
        "events": lambda: services.events(backend, scope),
    }
    for name, ask in asked.items():
        times, cpu = [], []
        for _ in range(REPEATS):
            backend.freshness.progress = lambda: float(next(batches))
            backend.freshness.clock = lambda: time.monotonic() + 100 * next(batches)
            begun, spent = time.perf_counter(), time.process_time()
            await ask()
            times.append(time.perf_counter() - begun)
            cpu.append(time.process_time() - spent)
        found = f"median {statistics.median(times) * 1000:5.0f} ms, slowest {max(times) * 1000:5.0f} ms"
        print(f"  page: {name:<40} {found}, CPU {statistics.median(cpu) * 1000:4.0f} ms")
    await reader.close()


def _timed(database: EmbeddedDatabase, sql: str) -> float:
    begun = time.perf_counter()
    query(database, sql, output_format="JSONEachRow")
    return time.perf_counter() - begun


def _pick(values: list[str], shares: list[float], salt: int) -> str:
    """Return SQL that picks a value by its share for each call."""
    bounds, total = [], 0.0
    for share in shares:
        total += share
        bounds.append(round(total * 10_000))
    cases = ", ".join(f"u{salt} < {bound}, '{value}'" for value, bound in zip(values[:-1], bounds, strict=False))
    return f"multiIf({cases}, '{values[-1]}')"


def _rows(first: int, minutes: int) -> str:
    """Return the insert of some minutes' calls, grouped as the pipeline groups them."""
    calls = CALLS // MINUTES * minutes
    shares = [model.share for model in MODELS]
    key = f"toInt16(ceil(log({{}}) / log({GAMMA})))"
    sums = {
        "requests": "count()",
        "weighted_requests": "count()",
        "errors": "sum(failed)",
        "weighted_errors": "sum(failed)",
        "errors_by_type": "mapFilter((k, v) -> v > 0, map('timeout', sum(failed)))",
        "latency": f"sumMap(map({key.format('latency_ns')}, toInt64(1)))",
        "time_to_first_token": f"sumMap(map({key.format('latency_ns / 4')}, toInt64(1)))",
        "time_per_output_token": f"sumMap(map({key.format('latency_ns / tokens')}, toInt64(1)))",
    }
    money = "toDecimal128(sum(tokens) * 0.0000021, 12)"
    measures = [
        sums.get(name) or (money if "Decimal" in kind else "toInt64(sum(tokens))") for name, kind in MEASURES.items()
    ]
    return f"""
    INSERT INTO rollup_minute SELECT today(), map(toUInt32(1), toInt64({first})), minute, 'default', service,
        'production', 'chat', provider, model, prompt, version, {", ".join(measures)}
    FROM (
        SELECT toStartOfMinute(now()) - 60 * ({first} + number % {minutes}) AS minute,
            cityHash64(number, {first}, 1) % 10000 AS u1, cityHash64(number, {first}, 2) % 10000 AS u2,
            cityHash64(number, {first}, 3) % 10000 AS u3, cityHash64(number, {first}, 4) % 10000 AS u4,
            {_pick([model.response_model for model in MODELS], shares, 1)} AS model,
            {_pick([model.provider for model in MODELS], shares, 1)} AS provider,
            {_pick(list(SERVICES), [0.6, 0.25, 0.15], 2)} AS service,
            {_pick(list(PROMPTS), [0.5, 0.2, 0.2, 0.1], 3)} AS prompt,
            toString(1 + intDiv({first}, 480)) AS version,
            toInt64(u4 < 150) AS failed, toInt64(40 + u4 % 400) AS tokens,
            exp(randNormal(21.5, 0.6)) AS latency_ns
        FROM numbers({calls})
    ) GROUP BY minute, service, provider, model, prompt, version
    """
