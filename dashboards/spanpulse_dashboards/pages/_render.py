"""Templates: one environment, escaped by default, in which a name that is not there is an error.

`Renderer.page` renders a template of a page with its frame. Not guaranteed: that text is kind to the eye; what comes
from a span may hold anything, and is escaped, never cleaned.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from spanpulse_dashboards.pages import _numbers
from spanpulse_dashboards.pages._static import StaticFiles
from spanpulse_dashboards.pages._visible import visible

__all__ = ["Health", "NavigationItem", "Renderer", "Shell"]

NAVIGATION = (("overview", "Overview", "/"), ("traces", "Traces", "/traces"), ("unpriced", "Unpriced", "/unpriced"))

MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", re.ASCII)
MARKED = Markup('<time datetime="{0}" data-style="minute">{0}</time>')


@dataclass(frozen=True, slots=True)
class Health:
    """The dot in the bar: `tone` is good, warn or bad; `text` one or two words, `detail` a sentence."""

    tone: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A page in the bar."""

    name: str
    href: str
    current: bool


class Shell:
    """The frame of a page: addresses, navigation, health."""

    def __init__(self, static: StaticFiles, root: str, current: str, query: str, health: Health) -> None:
        self.root = root
        self.health = health
        self.version = version("spanpulse")
        self.completeness = self.url("/completeness", query)
        self._static = static
        self.navigation = [
            NavigationItem(title, self.url(path, query), name == current) for name, title, path in NAVIGATION
        ]

    def url(self, path: str, query: str = "") -> str:
        """Return the address of a page, below the proxy's prefix."""
        return f"{self.root}{path}?{query}" if query else f"{self.root}{path}"

    def static(self, name: str) -> str:
        """Return the address of a static file."""
        return self.url(self._static.path(name))


class Renderer:
    """Renders pages. ``health`` says how the pipeline is; it is asked for every page, so it must be cheap."""

    def __init__(self, health: Callable[[], Awaitable[Health]]) -> None:
        self.static = StaticFiles()
        self._health = health
        self._templates = environment()

    async def page(
        self, request: Request, template: str, *, current: str = "", query: str = "", status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Return a page. ``current`` names the item of the navigation, ``query`` the scope that its links keep."""
        root = request.scope.get("root_path", "").rstrip("/")
        shell = Shell(self.static, root, current, query, await self._health())
        text = self._templates.get_template(template).render(shell=shell, **values)
        return HTMLResponse(text, status, {"cache-control": "no-store"})


def environment() -> Environment:
    """Return the environment of all templates, with the formatters of numbers and times as filters."""
    made = Environment(
        loader=PackageLoader("spanpulse_dashboards"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Callable[..., Any]] = {
        "count": _numbers.count,
        "money": _numbers.money,
        "duration": _numbers.duration,
        "milliseconds": _numbers.milliseconds,
        "percent": _numbers.percent,
        "bytes": _numbers.bytes_,
        "utc": utc,
        "visible": visible,
        "moments": moments,
        "iso": lambda moment: utc(moment).isoformat().replace("+00:00", "Z"),
    }
    made.filters.update(filters)
    return made


def moments(text: str) -> Markup:
    """Return text with its times (RFC 3339, UTC) marked, for the page's script to tell them in the viewer's zone."""
    return Markup("").join(MARKED.format(part) if at % 2 else part for at, part in enumerate(MOMENT.split(text)))


def utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is in UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
