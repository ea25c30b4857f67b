"""/metrics, /healthz and /readyz, as routes of a web application.

/healthz says whether the process should be restarted, /readyz whether it does its work. Both answer JSON and
ask nothing of the database or the network, so that they answer when those don't.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spanpulse_stream.observe import catalog
from spanpulse_stream.observe._health import Condition, Health
from spanpulse_stream.observe._metrics import Metrics
from spanpulse_stream.observe._pulse import LoopPulse

__all__ = ["observe_app", "observe_routes"]

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
NO_STORE = {"cache-control": "no-store"}


def observe_routes(metrics: Metrics, health: Health, pulse: LoopPulse) -> list[Route]:
    """Return the three routes, for the application that serves the web port."""

    async def show_metrics(_request: Request) -> Response:
        holding = {each.condition for each in health.reasons()}
        metrics.set(catalog.READY, not holding)
        for condition in Condition:
            metrics.set(catalog.NOT_READY, condition in holding, condition.value)
        return Response(metrics.exposition(), media_type=EXPOSITION)

    async def show_health(_request: Request) -> Response:
        reasons = [each.detail for each in health.stuck()]
        if trouble := pulse.trouble():
            reasons.append(trouble)
        return JSONResponse({"alive": not reasons, "reasons": reasons}, 503 if reasons else 200, NO_STORE)

    async def show_readiness(_request: Request) -> Response:
        reasons = [{"reason": item.condition.value, "detail": item.detail} for item in health.reasons()]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200, NO_STORE)

    return [
        Route("/metrics", show_metrics),
        Route("/healthz", show_health),
        Route("/readyz", show_readiness),
    ]


def observe_app(metrics: Metrics, health: Health, pulse: LoopPulse) -> Starlette:
    """Return an application of these routes alone."""
    return Starlette(routes=observe_routes(metrics, health, pulse))
