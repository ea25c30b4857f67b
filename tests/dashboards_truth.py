"""What spans say of themselves, worked out call by call: the truth that the figures of the page are held against."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson

from pipeline_running import NOON, START_MS, Processed, cuts, messages, sampled
from spanpulse_dashboards._backend import Backend, Lag
from spanpulse_dashboards._freshness import Freshness
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Reader
from spanpulse_dashboards._scope import Scope
from spanpulse_sinks.clickhouse import EmbeddedDatabase, query

__all__ = ["Call", "Truth", "backend_of", "filled", "scope_of"]

CALLS = """
SELECT tenant, ifNull(service_name, '') AS service, ifNull(environment, '') AS environment,
    ifNull(provider, '') AS provider, coalesce(response_model, request_model, '') AS model,
    ifNull(prompt_name, '') AS prompt, ifNull(prompt_version, '') AS prompt_version, ifNull(user_id, '') AS user,
    ifNull(session_id, '') AS session, toUnixTimestamp64Nano(end_time) AS ended, duration_ns AS duration,
    time_to_first_token_ns AS first_token, status = 'error' AS failed, weight, toString(cost) AS cost,
    cost_confidence AS confidence, usage_status AS usage, ifNull(input_tokens, 0) AS input,
    ifNull(output_tokens, 0) AS output, ifNull(cache_read_tokens, 0) AS cache_read
FROM spans WHERE counted
"""


@dataclass(frozen=True)
class Call:
    """A counted call as the view of spans shows it."""

    row: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    @property
    def known(self) -> bool:
        return self.row["cost"] is not None


@dataclass(frozen=True)
class Truth:
    """Some calls, and what follows from them."""

    calls: tuple[Call, ...]

    @classmethod
    def read(cls, database: EmbeddedDatabase) -> "Truth":
        return cls(tuple(Call(orjson.loads(line)) for line in query(database, CALLS).splitlines()))

    def of(self, keep: Callable[[Call], bool]) -> "Truth":
        return Truth(tuple(call for call in self.calls if keep(call)))

    def within(self, window: Window) -> "Truth":
        start, end = (int(each.timestamp() * 1e9) for each in (window.start, window.end))
        return self.of(lambda call: start <= int(call.ended) < end)

    def filtered(self, scope: Scope) -> "Truth":
        return self.of(lambda call: all(call.row[name] in values for name, values in scope.filters))

    def sum(self, what: Callable[[Call], Any]) -> Any:
        return sum((what(call) * int(call.weight) for call in self.calls), start=0)

    @property
    def requests(self) -> int:
        return int(self.sum(lambda _: 1))

    @property
    def errors(self) -> int:
        return int(self.sum(lambda call: int(call.failed)))

    @property
    def cost(self) -> Decimal:
        return Decimal(self.sum(lambda call: Decimal(call.cost) if call.known else Decimal(0)))

    @property
    def coverage(self) -> float:
        return float(self.sum(lambda call: int(call.known)) / self.requests)

    @property
    def cost_per_request(self) -> float | None:
        known = self.sum(lambda call: int(call.known))
        return float(self.cost) / known if known else None

    def bounds(self, column: str, level: float) -> tuple[float, float] | None:
        """Return between which times (ms) a percentile must lie: its rank give or take one, 1 % more."""
        times = sorted(
            int(call.row[column])
            for call in self.calls
            if call.row[column] is not None
            for _ in range(int(call.weight))
        )
        if not times:
            return None
        rank = level * len(times)
        low, high = (times[min(max(0, round(rank + step)), len(times) - 1)] for step in (-2, 1))
        return low / 1e6 * 0.99 - 1e-9, high / 1e6 * 1.01 + 1e-9


def scope_of(text: str) -> Scope:
    return Scope.parse(parse_qsl(text, keep_blank_values=True))


def backend_of(database: EmbeddedDatabase, now: datetime = NOON) -> Backend:
    async def status() -> dict[str, Any]:
        raise AssertionError("nobody asks for it here")

    return Backend(Reader(database), Freshness(lambda: 0.0), status, lambda: Lag(0, 0.0), "test", lambda: now)


def filled(folder: Path, database: EmbeddedDatabase, *, spread_ms: int = 0, seed: int = 3) -> datetime:
    """Write a log of every kind of export, some of them sampled, and return a moment behind its end.

    With ``spread_ms`` messages are that far apart, which spreads them over days.
    """
    processed = Processed(folder, database)
    log = sampled(messages(seed, spread_ms or 700))
    processed.write(cuts(log, [len(log) // 3, len(log) // 2]), set())
    (row,) = processed.read("SELECT toInt64(toUnixTimestamp(max(minute))) AS last FROM rollup_minute")
    assert row["last"] >= START_MS // 1000 - 86_400
    return datetime.fromtimestamp(row["last"] + 30, UTC)
