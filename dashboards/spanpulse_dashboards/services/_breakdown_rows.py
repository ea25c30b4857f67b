"""A row of the table from a row of its query."""

from collections.abc import Sequence
from decimal import Decimal

from spanpulse_dashboards._models import BreakdownRow
from spanpulse_dashboards._reader import Row
from spanpulse_dashboards.services._sums import Sums, times_of

__all__ = ["row_of"]


def row_of(row: Row, names: Sequence[str]) -> BreakdownRow:
    """Return what the page shows; ``names`` are the filters that the keys of the row belong to."""
    sums = Sums.of(row)
    latency, first_token = times_of(row["latency_ns"], 2), times_of(row["first_token_ns"], 1)
    all_cost = Decimal(row["all_cost"])
    return BreakdownRow(
        key=dict(zip(names, (row["key"], row["more"]), strict=False)),
        providers=[name for name in row["providers"] if name],
        requests=sums.requests,
        requests_share=sums.requests / int(row["all_requests"]),
        errors=sums.errors,
        error_rate=sums.error_rate or 0.0,
        latency_p50=latency[0],
        latency_p95=latency[1],
        time_to_first_token_p95=first_token[0],
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cost=sums.known_cost,
        cost_share=float(sums.cost / all_cost) if sums.known_cost is not None and all_cost else None,
        cost_per_request=sums.cost_per_request,
        coverage=sums.coverage,
        estimated=sums.estimated,
    )
