"""The sums of calls as a query gives them, and what follows from them.

Sums are of the unsampled whole. What the rollups keep for observed calls alone (cache tokens, cost by confidence) is
scaled by the share of its own kind, and is an estimate then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from spanpulse_dashboards._reader import Row
from spanpulse_sinks.clickhouse import percentiles

__all__ = ["NO_SUMS", "SUMS", "Sums", "percentile_items", "times_of"]

_INTEGERS = {
    "observed": "requests",
    "requests": "weighted_requests",
    "errors": "weighted_errors",
    "observed_input": "input_tokens",
    "input_tokens": "weighted_input_tokens",
    "output_tokens": "weighted_output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "usage_missing": "weighted_requests_usage_missing",
    "unpriced": "weighted_requests_unpriced",
}
_AMOUNTS = {
    "cost": "weighted_cost",
    "observed_provider": "cost_provider",
    "observed_computed": "cost_computed",
    "observed_estimated": "cost_estimated",
}
MONEY = Decimal(10) ** -12
WIDE = Context(prec=100)  # sums have up to 38 digits, which the usual 28 would refuse
SUMS = ", ".join(
    [f"sum(r.{column}) AS {name}" for name, column in _INTEGERS.items()]
    + [f"toString(sum(r.{column})) AS {name}" for name, column in _AMOUNTS.items()]
)
"""Select items over a rollup of calls ``r``, which `Sums.of` reads."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of calls. Tokens are tokens, amounts USD; ``observed*`` are of the calls that arrived, unweighted."""

    observed: int
    requests: int
    errors: int
    observed_input: int
    input_tokens: int
    output_tokens: int
    cache_read: int
    cache_write: int
    usage_missing: int
    unpriced: int
    cost: Decimal
    observed_provider: Decimal
    observed_computed: Decimal
    observed_estimated: Decimal

    @classmethod
    def of(cls, row: Row) -> "Sums":
        """Return the sums of a row of a query that has the items `SUMS`."""
        found: dict[str, Any] = {name: int(row[name]) for name in _INTEGERS}
        found |= {name: Decimal(row[name]) for name in _AMOUNTS}
        return cls(**found)

    @property
    def estimated(self) -> bool:
        """Whether calls were sampled."""
        return self.observed != self.requests

    @property
    def error_rate(self) -> float | None:
        """Failed calls of all, 0 to 1; None without calls."""
        return self.errors / self.requests if self.requests else None

    @property
    def coverage(self) -> float:
        """Share of the calls whose cost is known, 0 to 1; 0 without calls."""
        return self._known / self.requests if self.requests else 0.0

    @property
    def known_cost(self) -> Decimal | None:
        """Cost, USD; None where that of no call is known."""
        return self.cost if self._known > 0 else None

    @property
    def cost_per_request(self) -> float | None:
        """Cost by call whose cost is known, USD."""
        return float(self.cost) / self._known if self._known > 0 else None

    @property
    def _known(self) -> int:
        return max(0, self.requests - self.usage_missing - self.unpriced)

    @property
    def provider_cost(self) -> Decimal:
        """Cost that was stated with the calls, USD."""
        return self._scaled(self.observed_provider)

    @property
    def computed_cost(self) -> Decimal:
        """Cost that was computed from prices, USD."""
        return self._scaled(self.observed_computed)

    @property
    def estimated_cost(self) -> Decimal:
        """Cost that was computed from counts that contradict each other, USD."""
        return self._scaled(self.observed_estimated)

    def _scaled(self, amount: Decimal) -> Decimal:
        """Return an observed amount scaled so that those of all confidences add up to the cost."""
        whole = self.observed_provider + self.observed_computed + self.observed_estimated
        if whole in {self.cost, 0}:
            return amount
        return WIDE.divide(WIDE.multiply(amount, self.cost), whole).quantize(MONEY, context=WIDE)

    def cached(self, tokens: int) -> float:
        """Return cache tokens scaled to the unsampled whole."""
        return tokens * self.input_tokens / self.observed_input if self.observed_input else float(tokens)


NO_SUMS = Sums.of(dict.fromkeys([*_INTEGERS, *_AMOUNTS], 0))


def percentile_items(levels: Sequence[float], first_token: Sequence[float]) -> str:
    """Return select items `latency` and `first_token`: percentiles of these levels in ns, as `times_of` reads them."""
    latency, first = percentiles("r.latency", levels), percentiles("r.time_to_first_token", first_token)
    return f"{latency} AS latency_ns, {first} AS first_token_ns"


def times_of(values: Sequence[float], count: int) -> list[float | None]:
    """Return ``count`` percentiles in ms; None where nothing was timed."""
    return [value / 1e6 for value in values] if values else [None] * count
