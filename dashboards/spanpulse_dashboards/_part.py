"""The page as a part of a process: `page_part` is the entry point by which `spanpulse up` finds it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from spanpulse_dashboards._access import Access
from spanpulse_dashboards._api import api_router
from spanpulse_dashboards._app import make_page
from spanpulse_dashboards._backend import Backend, Lag
from spanpulse_dashboards._freshness import Freshness
from spanpulse_dashboards._hosts import Hosts
from spanpulse_dashboards._login import login_routes
from spanpulse_dashboards._reader import Reader
from spanpulse_dashboards.pages import Pages
from spanpulse_dashboards.traces._api import traces_router
from spanpulse_dashboards.traces._money import Prices
from spanpulse_dashboards.traces._pages import TracePages
from spanpulse_sinks.clickhouse import Database

__all__ = ["PagePart", "Surroundings", "page_part"]


class Surroundings(Protocol):
    """What the process gives: attributes as of `spanpulse_stream.embedded`'s class of this name."""

    @property
    def database(self) -> Database:
        """The open database."""

    @property
    def version(self) -> str:
        """Version of spanpulse."""

    @property
    def status(self) -> Callable[[], Awaitable[Mapping[str, Any]]]:
        """What `spanpulse status` shows."""

    @property
    def lag(self) -> Callable[[], Any]:
        """What is accepted and not stored: ``records``, and ``seconds`` of the oldest one."""

    @property
    def changes(self) -> Callable[[], float]:
        """How many batches were stored and operations ended."""

    @property
    def worked(self) -> Callable[[], float]:
        """CPU time in seconds that the stages of the pipeline have used."""

    @property
    def exporter_variables(self) -> Callable[[], Mapping[str, str]]:
        """The variables that point an application at the process."""

    @property
    def price_archive(self) -> Path:
        """Folder of the operator's price files by version."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes of monitoring, for addresses below the root path."""

    @property
    def token(self) -> SecretStr | None:
        """What a visitor must know."""

    @property
    def hosts(self) -> Sequence[str]:
        """Names of the page beside localhost."""

    @property
    def root_path(self) -> str:
        """Prefix below a proxy's address, '' or '/prefix'."""


BEHIND_S = 1.0  # a quiet process stores a record within half a second


@dataclass(frozen=True, slots=True)
class PagePart:
    """The application and what it holds."""

    app: ASGIApp
    backend: Backend

    async def close(self) -> None:
        """End its queries."""
        await self.backend.reader.close()


def page_part(given: Surroundings) -> PagePart:
    """Return the page of a process. Inside the event loop."""

    def lag() -> Lag:
        behind = given.lag()
        return Lag(behind.records, behind.seconds)

    freshness = Freshness(given.changes, behind=lambda: given.lag().seconds > BEHIND_S, worked=given.worked)
    backend = Backend(Reader(given.database), freshness, given.status, lag, given.version)
    prices = Prices(given.price_archive)
    access = Access(given.token)
    pages = Pages(backend, given.exporter_variables)
    traces = TracePages(backend, pages.renderer, pages.first, prices)
    style = pages.renderer.static.path("page.css")
    app = make_page(
        backend,
        routers=[api_router(backend), traces_router(backend, prices)],
        routes=[*pages.routes, *traces.routes, *login_routes(access, style), *given.routes],
        access=access,
        hosts=Hosts.of(given.hosts),
        root_path=given.root_path,
        error_page=pages.error,
    )
    return PagePart(app, backend)
