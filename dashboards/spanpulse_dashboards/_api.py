"""The JSON API below /api/v1: one route a service, all of them GET, parameters as in the URL of a page."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from spanpulse_dashboards import services
from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Breakdown, Events, Facets, Overview, UnpricedModels
from spanpulse_dashboards._parameters import scoped
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards._state import Completeness, Live, Server
from spanpulse_dashboards.services import MOST_ROWS, By, Sort

__all__ = ["PROBLEMS", "api_router"]

SAID = {
    401: "no token, or not the right one",
    404: "there is nothing of that kind",
    421: "not a name of this page",
    422: "a parameter is unknown, or not understood",
    429: "too many send a wrong token at this time",
    503: "the database is busy, or the question too large for its bounds",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in SAID.items()
}
InScope = Annotated[Scope, Depends(scoped())]


def api_router(backend: Backend) -> APIRouter:
    """Return the routes of the overview and of the process."""
    router = APIRouter(responses=PROBLEMS)

    @router.get("/overview")
    async def overview(scope: InScope) -> Overview:
        """Return the first screen: figures, timeline, models, confidence, scores."""
        return await services.overview(backend, scope)

    @router.get("/breakdown")
    async def breakdown(
        scope: Annotated[Scope, Depends(scoped("by", "sort", "descending", "limit", "after"))],
        by: Annotated[By, Query(description="the dimension")] = "model",
        sort: Annotated[Sort, Query(description="what rows are sorted by")] = "requests",
        descending: Annotated[bool, Query(description="whether the largest comes first")] = True,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="most rows of a page")] = 20,
        after: Annotated[str | None, Query(max_length=6000, description="cursor of the page before")] = None,
    ) -> Breakdown:
        """Return a page of the table by one dimension."""
        return await services.breakdown(
            backend, scope, by=by, sort=sort, descending=descending, limit=limit, after=after
        )

    @router.get("/facets")
    async def facets(scope: InScope) -> Facets:
        """Return what each filter can be set to."""
        return await services.facets(backend, scope)

    @router.get("/unpriced")
    async def unpriced(scope: InScope) -> UnpricedModels:
        """Return the models without a price."""
        return await services.unpriced_models(backend, scope)

    @router.get("/events")
    async def events(scope: InScope) -> Events:
        """Return what happened in the range, as marks for charts."""
        return await services.events(backend, scope)

    @router.get("/live")
    async def live(scope: InScope) -> Live:
        """Return whether asking again would give something else; costs next to nothing."""
        return services.live(backend, scope)

    @router.get("/completeness")
    async def completeness() -> Completeness:
        """Return what became of all that was ever offered."""
        return await services.completeness(backend)

    @router.get("/server")
    async def server() -> Server:
        """Return who answers, by which clock."""
        return services.server(backend)

    return router
