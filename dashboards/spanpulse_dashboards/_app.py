"""The web application: the JSON API with its OpenAPI document, pages, and what guards both.

Not guaranteed: a listener; whoever owns the process serves the application.
"""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from spanpulse_dashboards._access import Access
from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._errors import Answered, ErrorPage, respond_to
from spanpulse_dashboards._guard import Guard
from spanpulse_dashboards._hosts import Hosts
from spanpulse_dashboards._scope import ScopeError
from spanpulse_sinks.clickhouse import QueryFailed

__all__ = ["API", "make_page"]

API = "/api/v1"
DESCRIPTION = """What spanpulse knows about LLM applications: requests, errors, latency, tokens, cost.

Times are UTC. What is not known is null, never 0. Errors are problems (RFC 9457)."""


def make_page(
    backend: Backend,
    *,
    routers: Sequence[APIRouter],
    routes: Sequence[BaseRoute] = (),
    access: Access,
    hosts: Hosts,
    root_path: str = "",
    error_page: ErrorPage | None = None,
) -> ASGIApp:
    """Return the application: ``routers`` below `/api/v1`, ``routes`` as they are, and a guard before them.

    ``error_page`` makes the pages of errors; without it they are problems, as in the API.
    """
    answer = respond_to(error_page)
    app = FastAPI(
        title="spanpulse",
        version=backend.version,
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict.fromkeys((ScopeError, RequestValidationError, HTTPException, QueryFailed), answer),
    )
    app.add_middleware(Answered, answer=answer)
    for router in routers:
        app.include_router(router, prefix=API)
    app.router.routes.extend(routes)
    return Guard(app, hosts, access, root_path)
