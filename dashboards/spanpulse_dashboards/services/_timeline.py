"""The range by bucket, as charts draw it: a bucket without calls is a gap."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from spanpulse_dashboards._models import Series, Timeline, Values
from spanpulse_dashboards._period import Window
from spanpulse_dashboards.services._calls import Timed

__all__ = ["timeline"]

CONFIDENCES: Mapping[str, Callable[[Timed], Decimal]] = {
    "computed": lambda each: each.sums.computed_cost,
    "estimated": lambda each: each.sums.estimated_cost,
    "provider": lambda each: each.sums.provider_cost,
}


def timeline(window: Window, numbers: list[int], buckets: Mapping[int, Timed], costs: list[Series]) -> Timeline:
    """Return the lines of the charts; ``numbers`` are those of the window's buckets, ``costs`` the lines by model."""
    found = [buckets.get(number) for number in numbers]

    def line(read: Callable[[Timed], float | Decimal | None]) -> Values:
        return [_number(read(each)) if each is not None else None for each in found]

    def cost(amount: Callable[[Timed], Decimal]) -> Values:
        return line(lambda each: amount(each) if each.sums.known_cost is not None else None)

    by_confidence = {name: cost(amount) for name, amount in CONFIDENCES.items()}
    return Timeline(
        starts=[number * window.bucket for number in numbers],
        bucket_seconds=window.bucket,
        partial_first=numbers[0] * window.bucket != int(window.start.timestamp()),
        partial_from=_partial_from(window, numbers),
        requests=line(lambda each: each.sums.requests),
        errors=line(lambda each: each.sums.errors),
        latency_p50=line(lambda each: each.latency[0]),
        latency_p95=line(lambda each: each.latency[1]),
        latency_p99=line(lambda each: each.latency[2]),
        time_to_first_token_p50=line(lambda each: each.first_token[0]),
        time_to_first_token_p95=line(lambda each: each.first_token[1]),
        input_tokens=line(lambda each: each.sums.input_tokens),
        output_tokens=line(lambda each: each.sums.output_tokens),
        cache_read_tokens=line(lambda each: each.sums.cached(each.sums.cache_read)),
        cache_write_tokens=line(lambda each: each.sums.cached(each.sums.cache_write)),
        cost=cost(lambda each: each.sums.cost),
        cost_by_model=costs,
        cost_by_confidence=[Series(name=name, values=values) for name, values in by_confidence.items() if any(values)],
    )


def _number(value: float | Decimal | None) -> float | None:
    return None if value is None else float(value)


def _partial_from(window: Window, numbers: list[int]) -> int | None:
    """Return the index of the first bucket whose end lies behind what can hold data by now."""
    through = int(window.through.timestamp())
    growing = (place for place, number in enumerate(numbers) if (number + 1) * window.bucket > through)
    return next(growing, None)
