"""The pages of traces: lists and search, and one trace as a story. HTML of the same models that the API answers with.

A page is whole without JavaScript; with it spans and further lines are exchanged in place. Everything of a span is
hostile text: templates escape it, `visible` shows what would act. Not guaranteed: who may ask; a guard stands before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast, get_args
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._scope import Scope, ScopeError
from spanpulse_dashboards.pages import FirstSpan, Link, Renderer, scope_bar
from spanpulse_dashboards.pages._render import environment
from spanpulse_dashboards.traces._api import cursor_of, found_or_404, place_of, tenant_of
from spanpulse_dashboards.traces._detail import NoSuchSpan, read_detail, read_stored
from spanpulse_dashboards.traces._detail_models import Score, SpanDetail
from spanpulse_dashboards.traces._json_view import json_html
from spanpulse_dashboards.traces._lists import Page, list_traces
from spanpulse_dashboards.traces._models import Order, Trace
from spanpulse_dashboards.traces._money import Prices
from spanpulse_dashboards.traces._scores import read_scores
from spanpulse_dashboards.traces._search import BadSearch, search_traces, understand
from spanpulse_dashboards.traces._story import Story, read_story, trace_of
from spanpulse_dashboards.traces._visible import visible
from spanpulse_dashboards.traces._waterfall import bars, ticks
from spanpulse_dashboards.traces._whole import NoSuchText, whole_text

__all__ = ["LINES", "TracePages"]

PATH = "/traces"
LINES = 300
A_PAGE = 25
EXPECTED_S = 3600
"""For so long after the newest span further ones may come: an agent's step may take long, and ends before its root."""
OWN_LIST = ("order", "q", "cursor", "whole", "compare")
OWN_TRACE = ("tenant", "span", "at", "lines", "source")
HEX = frozenset("0123456789abcdef")
SPAN_DIGITS = 16
TITLES = {"newest": "Newest", "slowest": "Slowest", "dearest": "Dearest", "failed": "Failed"}


@dataclass(frozen=True, slots=True)
class Address:
    """Addresses of one trace; ``tenant`` is in them where the reader had to name it."""

    path: str
    tenant: str | None

    def of(self, **own: str | None) -> str:
        """Return the page of the trace with some parameters."""
        return self._with(self.path, own)

    def span(self, span_id: str, place: str | None = None) -> str:
        """Return the page of the trace with one span selected."""
        return self.of(span=span_id, at=place)

    def below(self, rest: str, **own: str | None) -> str:
        """Return an address below the page of the trace."""
        return self._with(f"{self.path}/{rest}", own)

    def _with(self, path: str, own: Mapping[str, str | None]) -> str:
        pairs = [(name, value) for name, value in {"tenant": self.tenant, **own}.items() if value is not None]
        return f"{path}?{urlencode(pairs)}" if pairs else path


class TracePages:
    """The routes. ``renderer`` and ``first`` are those of the other pages."""

    def __init__(self, backend: Backend, renderer: Renderer, first: FirstSpan, prices: Prices) -> None:
        self._backend = backend
        self._renderer = renderer
        self._first = first
        self._prices = prices
        self._templates = environment()

    @property
    def routes(self) -> list[Route]:
        """The routes of the pages and of their parts."""
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            PATH: self.lists,
            f"{PATH}/{{trace_id}}": self.trace,
            f"{PATH}/{{trace_id}}/lines": self.lines,
            f"{PATH}/{{trace_id}}/spans/{{span_id}}": self.span,
            f"{PATH}/{{trace_id}}/spans/{{span_id}}/text": self.text,
        }
        return [Route(path, answer, methods=["GET"]) for path, answer in pages.items()]

    async def lists(self, request: Request) -> Response:
        """Answer with a list or with what a search has found."""
        own = _own(request, OWN_LIST)
        scope = Scope.parse(request.query_params.multi_items(), also=OWN_LIST)
        order = own.get("order", "newest")
        if order not in get_args(Order):
            raise ScopeError("order", f"there is no order {order[:40]!r}; choose one of {', '.join(get_args(Order))}")
        if first := await self._first.awaited(request, "traces"):
            return first
        root, window = _root(request), self._backend.window(scope)
        kept = {name: own[name] for name in ("order", "q") if own.get(name)}
        bar = scope_bar(scope, path=PATH, root=root, start=window.start, end=window.end, more=kept, compares=False)
        values: dict[str, Any] = {
            "bar": bar, "order": order, "q": own.get("q", ""), "visible": visible, "trace_address": _linked(root),
            "orders": [Link(TITLES[each], _address(root, scope, order=each), each == order) for each in TITLES],
            "kept": [(name, value) for name, value in scope.pairs()], "tenants": not scope.values("tenant"),
            "trouble": None, "found": None, "listed": None, "version": None, "asked": scope.to_query(),
        }  # fmt: skip
        values |= (
            await self._searched(own, scope, root)
            if own.get("q", "").strip()
            else await self._listed(cast("Order", order), own, scope, root)
        )
        return await self._renderer.page(
            request, "traces/list.html", current="traces", query=scope.to_query(), **values
        )

    async def trace(self, request: Request) -> Response:
        """Answer with a trace and one span of it."""
        own = _own(request, OWN_TRACE)
        Scope.parse(request.query_params.multi_items(), also=OWN_TRACE)
        story = await self._story(request, own)
        first = _number(own.get("lines"))
        trace = trace_of(story, first, LINES)
        detail, scores = await asyncio.gather(self._selected(story, own), self._scores(story))
        address = Address(f"{_root(request)}{PATH}/{story.trace_id}", own.get("tenant"))
        return await self._renderer.page(
            request, "traces/trace.html", current="traces", **self._told(trace, detail, address), scores=scores,
            first=first, ticks=ticks(trace), every=None if first or trace.next else self._every(trace),
        )  # fmt: skip

    async def lines(self, request: Request) -> Response:
        """Answer with further lines of the waterfall."""
        own = _own(request, OWN_TRACE)
        story = await self._story(request, own)
        trace = trace_of(story, _number(own.get("lines")), LINES)
        address = Address(f"{_root(request)}{PATH}/{story.trace_id}", own.get("tenant"))
        return self._part("traces/lines.html", **self._told(trace, None, address))

    async def span(self, request: Request) -> Response:
        """Answer with one span, as a part of the page of its trace."""
        own = _own(request, OWN_TRACE)
        trace_id = _hexadecimal(request.path_params["trace_id"], 32)
        owner = await found_or_404(lambda: tenant_of(self._backend, trace_id, own.get("tenant")))
        detail = await found_or_404(
            lambda: self._detail(owner, trace_id, request.path_params["span_id"], own.get("at"))
        )
        address = Address(f"{_root(request)}{PATH}/{trace_id}", own.get("tenant"))
        return self._part("traces/span.html", detail=detail, address=address, **SHOWING)

    async def text(self, request: Request) -> Response:
        """Answer with a whole text, for a person: nothing in it acts."""
        own = _own(request, OWN_TRACE)
        trace_id = _hexadecimal(request.path_params["trace_id"], 32)
        span_id = _hexadecimal(request.path_params["span_id"], 16)
        owner = await found_or_404(lambda: tenant_of(self._backend, trace_id, own.get("tenant")))
        stored = await found_or_404(
            lambda: read_stored(self._backend, owner, trace_id, span_id, place_of(own.get("at")))
        )
        try:
            text = whole_text(stored, own.get("source", ""))
        except NoSuchText as error:
            raise HTTPException(404, str(error)) from None
        return self._part("traces/text.html", text=text, visible=visible)

    def _part(self, template: str, **values: Any) -> HTMLResponse:
        text = self._templates.get_template(template).render(**values)
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    async def _listed(self, order: Order, own: Mapping[str, str], scope: Scope, root: str) -> dict[str, Any]:
        whole = own.get("whole") == "1"
        page = Page(order, A_PAGE, cursor_of(own.get("cursor"), order), whole)
        version = self._backend.version_of(self._backend.window(scope))
        listed = await list_traces(self._backend, scope, page)
        more = {"order": order, "whole": "1"} if whole else {"order": order}
        return {
            # Further pages stay as they were when the first one was shown, and a rank over all of a range is dear.
            "version": None if whole or page.cursor else version,
            "listed": listed,
            "next": _address(root, scope, **more, cursor=listed.next) if listed.next else None,
            "first": _address(root, scope, **more) if own.get("cursor") else None,
            "whole": None if listed.ranking.complete else _address(root, scope, order=order, whole="1"),
        }

    async def _searched(self, own: Mapping[str, str], scope: Scope, root: str) -> dict[str, Any]:
        try:
            wanted = understand(own["q"])
            found = await search_traces(self._backend, scope, wanted, own.get("cursor"))
        except BadSearch as error:
            return {"trouble": str(error)}
        narrowing = [kind for kind in ("user", "session") if kind in found.kinds]
        return {
            "found": found,
            "next": _address(root, scope, q=own["q"], cursor=found.next) if found.next else None,
            "narrow": [Link(kind, _address(root, scope.narrowed(kind, wanted.value))) for kind in narrowing],
        }

    async def _story(self, request: Request, own: Mapping[str, str]) -> Story:
        trace_id = _hexadecimal(request.path_params["trace_id"], 32)
        return await found_or_404(lambda: read_story(self._backend, trace_id, own.get("tenant")))

    async def _selected(self, story: Story, own: Mapping[str, str]) -> SpanDetail:
        """Return the span that the address names, or the one that most likely is what was looked for."""
        span_id = own.get("span")
        if span_id is None:
            span_id = story.spans[_telling(story)].span_id
        return await found_or_404(lambda: self._detail(story.found.tenant, story.trace_id, span_id, own.get("at")))

    async def _detail(self, tenant: str, trace_id: str, span_id: str, at: str | None) -> SpanDetail:
        named = span_id.lower()
        if len(named) != SPAN_DIGITS or not HEX.issuperset(named):
            raise NoSuchSpan(f"{visible_id(span_id)} is no span id: it has {SPAN_DIGITS} hex digits")
        stored = await read_stored(self._backend, tenant, trace_id, named, place_of(at))
        return await read_detail(self._backend, stored, self._prices)

    async def _scores(self, story: Story) -> list[Score]:
        return await read_scores(self._backend, story.found.tenant, story.trace_id, story.spans[0].start_ns)

    def _every(self, trace: Trace) -> int | None:
        """Return how often to look for further spans, seconds; None: no more are expected."""
        state, age_s = trace.summary.completeness.state, (self._backend.now() - trace.summary.end).total_seconds()
        return {"arriving": 3, "incomplete": 10}.get(state) if age_s < EXPECTED_S else None

    def _told(self, trace: Trace, detail: SpanDetail | None, address: Address) -> dict[str, Any]:
        return {
            "trace": trace, "bars": bars(trace), "detail": detail, "address": address, **SHOWING,
            "more": address.below("lines", lines=str(trace.next)) if trace.next else None,
            "next": address.of(lines=str(trace.next)) if trace.next else None,
        }  # fmt: skip


def _telling(story: Story) -> int:
    """Return the index of the span to show first: the first that failed by itself, the first call, or the root."""
    lines = [line.index for line in story.tree]
    failed = [index for index in lines if story.spans[index].status == "error"]
    calls = [index for index in lines if story.spans[index].counted]
    return (failed[-1:] or calls[:1] or lines[:1])[0]


def _linked(root: str) -> Callable[[str, str, str | None], str]:
    """Return what makes the address of a trace from its id, its tenant and the id of a span."""

    def address(trace_id: str, tenant: str, span: str | None = None) -> str:
        pairs = [("tenant", tenant)] + ([("span", span)] if span else [])
        return f"{root}{PATH}/{quote(trace_id)}?{urlencode(pairs)}"

    return address


def _address(root: str, scope: Scope, **own: str) -> str:
    pairs = [*scope.pairs(), *((name, value) for name, value in own.items() if (name, value) != ("order", "newest"))]
    return f"{root}{PATH}?{urlencode(pairs)}" if pairs else root + PATH


def _own(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters that are the page's own. Raises ScopeError."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in names and found.setdefault(name, value) != value:
            raise ScopeError(name, f"{name} is given twice")
    return found


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def _hexadecimal(text: str, digits: int) -> str:
    found = text.lower()
    if len(found) != digits or not HEX.issuperset(found):
        raise HTTPException(404, f"{visible_id(text)} is no id of a trace or span: those have {digits} hex digits")
    return found


def exact_usd(amount: Decimal) -> str:
    """Return USD with every digit, at least two decimals: what is added up must be seen to add up."""
    whole, _, decimals = f"{abs(amount).normalize():f}".partition(".")
    sign = "\N{MINUS SIGN}" if amount < 0 else ""
    return f"{sign}${whole}.{decimals.ljust(2, '0')}"


SHOWING = {"visible": visible, "json_html": json_html, "exact_usd": exact_usd}
"""What templates of spans call."""


def visible_id(text: str) -> str:
    """Return what was given as an id, short enough for a sentence."""
    return repr(text[:40])


def _number(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < SPAN_DIGITS // 2):
        raise ScopeError("lines", "lines is the number of the first line")
    return int(text)
