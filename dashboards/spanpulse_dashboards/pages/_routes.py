"""The routes of the pages: each reads its scope from the address, asks the services, and renders a template.

Not guaranteed: anything about who may ask; a guard stands before the application.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Breakdown, Problem
from spanpulse_dashboards._scope import Scope, ScopeError
from spanpulse_dashboards.pages._colour_book import ColourBook
from spanpulse_dashboards.pages._first import FirstSpan
from spanpulse_dashboards.pages._health import HealthWatch
from spanpulse_dashboards.pages._lists import counts, facet_lists, override_yaml, unpriced_rows, verdict
from spanpulse_dashboards.pages._overview import PATH, TRACES, Answers, overview_values
from spanpulse_dashboards.pages._render import Renderer
from spanpulse_dashboards.pages._scope_bar import scope_bar
from spanpulse_dashboards.pages._table import DIMENSIONS, SORTS
from spanpulse_dashboards.services import By, Sort, breakdown, completeness, events, facets, overview, unpriced_models

__all__ = ["Pages"]

OWN = ("by", "sort", "order", "after", "scale")
"""The parameters of the overview beside the scope."""
UNPRICED = "/unpriced"
LISTED = (PATH, UNPRICED, TRACES)
"""Pages that a filter may be chosen for."""
RANGE = frozenset({"range", "from", "to"})
"""Parameters that are one: what is wrong with one of them is wrong with the range."""


class Pages:
    """The HTML of everything but traces. ``variables`` point an application at this process."""

    def __init__(self, backend: Backend, variables: Callable[[], Mapping[str, str]]) -> None:
        self._backend = backend
        self.renderer = Renderer(HealthWatch(lambda: completeness(backend)))
        self.first = FirstSpan(backend, self.renderer, variables)
        self._book = ColourBook()

    @property
    def routes(self) -> list[Route]:
        """The routes, static files included."""
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            PATH: self.overview,
            "/filters": self.filters,
            "/completeness": self.completeness,
            UNPRICED: self.unpriced,
            "/static/{digest}/{name:path}": self.renderer.static.serve,
        }
        return [Route(path, answer, methods=["GET"]) for path, answer in pages.items()]

    async def overview(self, request: Request) -> Response:
        """Answer with the first screen, or with how to send the first span."""
        own = _own(request, OWN)
        scope = Scope.parse(request.query_params.multi_items(), also=OWN)
        _one_of("scale", own.get("scale", "linear"), ("linear", "log"))
        if first := await self.first.awaited(request, "overview"):
            return first
        found, rows, marks = await asyncio.gather(
            overview(self._backend, scope), self._table(scope, own), events(self._backend, scope)
        )
        answers = Answers(found, rows, marks.events)
        begun = time.thread_time()  # the loop is others' while it waits for a core
        values = overview_values(answers, scope, root=_root(request), own=own, book=self._book)
        page = await self.renderer.page(request, "overview.html", current="overview", query=scope.to_query(), **values)
        self._backend.spent(scope, time.thread_time() - begun)
        return page

    async def filters(self, request: Request) -> Response:
        """Answer with every filter and its values, as addresses of the page that asked."""
        also = (*OWN, "page")
        own = _own(request, also)
        scope = Scope.parse(request.query_params.multi_items(), also=also)
        path = _one_of("page", own.pop("page", PATH), LISTED)
        own.pop("after", None)
        found = await facets(self._backend, scope)
        lists = facet_lists(found, scope, _root(request) + path, own)
        return await self.renderer.page(request, "filters.html", query=scope.to_query(), facets=lists)

    async def unpriced(self, request: Request) -> Response:
        """Answer with the models that have no price, and the file that gives them one."""
        scope = Scope.parse(request.query_params.multi_items())
        if first := await self.first.awaited(request, "unpriced"):
            return first
        found = await unpriced_models(self._backend, scope)
        root = _root(request)
        bar = scope_bar(scope, path=UNPRICED, root=root, start=found.range.start, end=found.range.end, compares=False)
        return await self.renderer.page(
            request, "unpriced.html", current="unpriced", query=scope.to_query(), bar=bar, asked=scope.to_query(),
            reason=found.reason, empty=found.empty, models=unpriced_rows(found, scope, root + PATH),
            override=override_yaml(found),
        )  # fmt: skip

    async def completeness(self, request: Request) -> Response:
        """Answer with the completeness box."""
        scope = Scope.parse(request.query_params.multi_items())
        state = await completeness(self._backend)
        title, detail = verdict(state)
        return await self.renderer.page(
            request, "completeness.html", current="completeness", query=scope.to_query(), completeness=state,
            counts=counts(state), verdict={"title": title, "detail": detail},
        )  # fmt: skip

    async def error(self, request: Request, problem: Problem) -> Response:
        """Answer with what went wrong."""
        return await self.renderer.page(
            request, "problem.html", status=problem.status, problem=problem, since=datetime.now(UTC),
            without=_without(request, problem.parameter),
        )  # fmt: skip

    async def _table(self, scope: Scope, own: Mapping[str, str]) -> Breakdown:
        return await breakdown(
            self._backend,
            scope,
            by=cast("By", _one_of("by", own.get("by", "model"), DIMENSIONS)),
            sort=cast("Sort", _one_of("sort", own.get("sort", "requests"), SORTS)),
            descending=_one_of("order", own.get("order", "desc"), ("asc", "desc")) == "desc",
            after=own.get("after"),
        )


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def _own(request: Request, names: Collection[str]) -> dict[str, str]:
    """Return the parameters of a page that are not its scope's. Raises ScopeError."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names:
            continue
        if name in found:
            raise ScopeError(name, f"{name} is given twice")
        found[name] = value
    return found


def _without(request: Request, parameter: str | None) -> str | None:
    """Return the address of the page without a parameter that is wrong, relative to itself; None where it has none."""
    dropped = RANGE if parameter in RANGE else {parameter}
    pairs = request.query_params.multi_items()
    kept = [(name, value) for name, value in pairs if name not in dropped]
    return f"?{urlencode(kept)}" if len(kept) < len(pairs) else None


def _one_of(name: str, value: str, known: Collection[str]) -> str:
    if value not in known:
        raise ScopeError(name, f"there is no {name} {value[:40]!r}; choose one of {', '.join(known)}")
    return value
