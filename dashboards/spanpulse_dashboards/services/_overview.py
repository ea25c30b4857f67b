"""The first screen: figures, timeline, models, confidence, scores. Its queries run at the same time."""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar

from spanpulse_dashboards._backend import ARRIVING_S, Backend
from spanpulse_dashboards._models import Confidence, ConfidenceShare, Overview
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._calls import Calls, Timed, read_calls
from spanpulse_dashboards.services._figures import figures
from spanpulse_dashboards.services._models_over_time import ModelCosts, read_models
from spanpulse_dashboards.services._people import Scores, read_scores, read_users
from spanpulse_dashboards.services._sums import Sums
from spanpulse_dashboards.services._tables import Inapplicable
from spanpulse_dashboards.services._timeline import timeline

__all__ = ["overview"]

Found = TypeVar("Found")


async def overview(backend: Backend, scope: Scope) -> Overview:
    """Return the first screen of a scope. Raises QueryFailed."""
    window = backend.window(scope)
    version, lag = backend.version_of(window), backend.lag()
    numbers = [int(start.timestamp()) // window.bucket for start in window.starts]
    calls, models, users, scores = await asyncio.gather(
        _or_reason(read_calls(backend, scope, window)),
        _or_reason(read_models(backend, scope, window, numbers)),
        _or_reason(read_users(backend, scope, window)),
        _or_reason(read_scores(backend, scope, window)),
    )
    found = calls if isinstance(calls, Calls) else Calls(Timed(), None, {})
    costs = models if isinstance(models, ModelCosts) else ModelCosts([], [])
    lines = timeline(window, numbers, found.buckets, costs.series)
    return Overview(
        range=backend.range_of(scope, window),
        version=version,
        generated_at=backend.now(),
        estimated=found.now.sums.estimated,
        still_arriving=lag.seconds > ARRIVING_S,
        lag_seconds=lag.seconds,
        empty=isinstance(calls, Calls) and not found.now.sums.requests,
        figures=figures(calls, users, scores, lines),
        timeline=lines,
        models=costs.shares,
        confidence=_confidence(found.now.sums),
        scores=scores.summaries if isinstance(scores, Scores) else [],
        scores_reason=str(scores) if isinstance(scores, Inapplicable) else None,
    )


async def _or_reason(reading: Coroutine[Any, Any, Found]) -> Found | Inapplicable:
    try:
        return await reading
    except Inapplicable as reason:
        return reason


def _confidence(sums: Sums) -> list[ConfidenceShare]:
    """Return where the cost comes from, and how many calls have none."""
    amounts: dict[Confidence, Decimal] = {
        "computed": sums.computed_cost,
        "estimated": sums.estimated_cost,
        "provider": sums.provider_cost,
    }
    absent: dict[Confidence, int] = {"missing": sums.usage_missing, "unpriced": sums.unpriced}
    found = [
        ConfidenceShare(
            confidence=name, cost=amount, cost_share=float(amount / sums.cost) if sums.cost else None, requests=None
        )
        for name, amount in amounts.items()
        if amount
    ]
    return found + [
        ConfidenceShare(confidence=name, cost=None, cost_share=None, requests=count)
        for name, count in absent.items()
        if count
    ]
