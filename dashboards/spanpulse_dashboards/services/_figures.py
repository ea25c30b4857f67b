"""The figures of the first screen, each with its sparkline, the period before and, where it has no value, why."""

from collections.abc import Callable
from dataclasses import dataclass

from spanpulse_dashboards._models import Figure, Figures, Timeline, Unit, Values
from spanpulse_dashboards.services._calls import Calls, Timed
from spanpulse_dashboards.services._people import Scores, Users
from spanpulse_dashboards.services._tables import Inapplicable

__all__ = ["figures"]

NO_CALLS = "no requests in the range"
NOT_TIMED = "no request in the range has a duration"
NO_FIRST = "no request in the range has a time to its first token"
NO_COST = "the cost of no request in the range is known"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a figure is read from timed calls; ``absent`` says why it has no value where there are calls."""

    unit: Unit
    read: Callable[[Timed], float | None]
    absent: str = NO_CALLS


def _cost(calls: Timed) -> float | None:
    return None if calls.sums.known_cost is None else float(calls.sums.known_cost)


REQUESTS = _Kind("requests", lambda calls: float(calls.sums.requests))
ERROR_RATE = _Kind("ratio", lambda calls: calls.sums.error_rate)
LATENCY = _Kind("ms", lambda calls: calls.latency[1], NOT_TIMED)
FIRST_TOKEN = _Kind("ms", lambda calls: calls.first_token[1], NO_FIRST)
COST = _Kind("USD", _cost, NO_COST)
COST_PER_REQUEST = _Kind("USD", lambda calls: calls.sums.cost_per_request, NO_COST)
INPUT = _Kind("tokens", lambda calls: float(calls.sums.input_tokens))
OUTPUT = _Kind("tokens", lambda calls: float(calls.sums.output_tokens))


def figures(
    calls: Calls | Inapplicable, users: Users | Inapplicable, scores: Scores | Inapplicable, lines: Timeline
) -> Figures:
    """Return the figures; what is Inapplicable has its reason instead of a value."""

    def of_calls(kind: _Kind, sparkline: Values) -> Figure:
        if isinstance(calls, Inapplicable):
            return Figure(unit=kind.unit, value=None, reason=str(calls))
        return _figure(kind, calls, sparkline)

    per_request = _per_request(calls, lines) if isinstance(calls, Calls) else []
    absent_users = str(users) if isinstance(users, Inapplicable) else None
    return Figures(
        requests=of_calls(REQUESTS, lines.requests),
        error_rate=of_calls(ERROR_RATE, _ratios(lines.errors, lines.requests)),
        latency_p95=of_calls(LATENCY, lines.latency_p95),
        time_to_first_token_p95=of_calls(FIRST_TOKEN, lines.time_to_first_token_p95),
        cost=of_calls(COST, lines.cost),
        cost_per_request=of_calls(COST_PER_REQUEST, per_request),
        users=users.count if isinstance(users, Users) else Figure(unit="users", value=None, reason=absent_users),
        cost_per_user=users.cost if isinstance(users, Users) else Figure(unit="USD", value=None, reason=absent_users),
        thumbs_up_rate=(
            scores.thumbs_up if isinstance(scores, Scores) else Figure(unit="ratio", value=None, reason=str(scores))
        ),
        input_tokens=of_calls(INPUT, lines.input_tokens),
        output_tokens=of_calls(OUTPUT, lines.output_tokens),
    )


def _figure(kind: _Kind, calls: Calls, sparkline: Values) -> Figure:
    sums = calls.now.sums
    value = kind.read(calls.now)
    before = kind.read(calls.before) if calls.before is not None and calls.before.sums.requests else None
    of_money = kind.unit == "USD" and value is not None
    partly = of_money and sums.coverage < 1
    return Figure(
        unit=kind.unit,
        value=value,
        previous=before,
        exact=sums.known_cost if kind is COST else None,
        sparkline=sparkline,
        estimated=sums.estimated,
        coverage=sums.coverage if partly else None,
        reason=None if value is not None else kind.absent if sums.requests else NO_CALLS,
    )


def _per_request(calls: Calls, lines: Timeline) -> Values:
    found = (calls.buckets.get(start // lines.bucket_seconds) for start in lines.starts)
    return [None if each is None else each.sums.cost_per_request for each in found]


def _ratios(parts: Values, wholes: Values) -> Values:
    return [part / whole if part is not None and whole else None for part, whole in zip(parts, wholes, strict=True)]
