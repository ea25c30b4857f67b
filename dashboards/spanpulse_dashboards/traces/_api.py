"""The API of traces below /api/v1/traces: lists, search, one trace, one span, one text. All of it GET.

Errors are problems: 404 for a trace that is not here, 409 where an id is that of several tenants. Not guaranteed: who
may ask; a guard stands before the application.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.responses import PlainTextResponse

from spanpulse_dashboards._api import PROBLEMS
from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._parameters import scoped
from spanpulse_dashboards._scope import Scope, ScopeError
from spanpulse_dashboards.traces._cursor import FORM, BadCursor, Cursor
from spanpulse_dashboards.traces._detail import NoSuchSpan, read_detail, read_stored
from spanpulse_dashboards.traces._detail_models import SpanDetail
from spanpulse_dashboards.traces._lists import MOST_TRACES, Page, list_traces
from spanpulse_dashboards.traces._models import Order, SearchResult, Trace, TraceList
from spanpulse_dashboards.traces._money import Prices
from spanpulse_dashboards.traces._search import ENDS, LONGEST_QUERY, BadSearch, search_traces, understand
from spanpulse_dashboards.traces._spans import Place, tenants_of
from spanpulse_dashboards.traces._story import MOST_LINES, NoSuchTrace, SeveralTenants, read_story, trace_of
from spanpulse_dashboards.traces._whole import NoSuchText, whole_text

__all__ = ["cursor_of", "found_or_404", "place_of", "tenant_of", "traces_router"]

Found = TypeVar("Found")
PLACE = re.compile(r"(\d{1,10})\.(\d{1,18})\.(\d{1,9})", re.ASCII)
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "traces of several tenants have this id; name one",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
TraceId = Annotated[str, Path(pattern="^[0-9a-fA-F]{32}$", description="32 hex digits")]
SpanId = Annotated[str, Path(pattern="^[0-9a-fA-F]{16}$", description="16 hex digits")]
Tenant = Annotated[str | None, Query(max_length=1024, description="whose trace; needed where several have the id")]
At = Annotated[
    str | None, Query(max_length=40, description="place of the span, where several of the trace have its id")
]


def traces_router(backend: Backend, prices: Prices) -> APIRouter:
    """Return the routes of the API."""
    router = APIRouter(prefix="/traces", responses=PROBLEMS)

    @router.get("")
    async def lists(
        scope: Annotated[Scope, Depends(scoped("order", "limit", "cursor", "whole"))],
        order: Annotated[Order, Query(description="what comes first")] = "newest",
        limit: Annotated[int, Query(ge=1, le=MOST_TRACES, description="most traces of a page")] = 25,
        cursor: Annotated[
            str | None,
            Query(max_length=100, description="`next` of the page before", json_schema_extra={"pattern": FORM}),
        ] = None,
        whole: Annotated[bool, Query(description="add up every call of the range, however many: takes longer")] = False,
    ) -> TraceList:
        """Return a page of traces, which stays as it is while data arrives."""
        return await list_traces(backend, scope, Page(order, limit, cursor_of(cursor, order), whole))

    @router.get("/search")
    async def search(
        scope: Annotated[Scope, Depends(scoped("q", "cursor"))],
        q: Annotated[str, Query(max_length=LONGEST_QUERY, description="an id, a name, or words of a message")],
        cursor: Annotated[
            str | None,
            Query(max_length=20, description="`next` of the answer before", json_schema_extra={"pattern": ENDS}),
        ] = None,
    ) -> SearchResult:
        """Return the traces in which something matches what was typed, newest first."""
        try:
            return await search_traces(backend, scope, understand(q), cursor)
        except BadSearch as error:
            raise ScopeError("q", str(error)) from None

    @router.get("/{trace_id}", responses=CONFLICT)
    async def trace(
        trace_id: TraceId,
        tenant: Tenant = None,
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="first line")] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_LINES, description="most lines")] = MOST_LINES,
    ) -> Trace:
        """Return a trace: its summary and a page of its spans in reading order, without their texts."""
        story = await found_or_404(lambda: read_story(backend, trace_id.lower(), tenant))
        return trace_of(story, offset, limit)

    @router.get("/{trace_id}/spans/{span_id}", responses=CONFLICT)
    async def span(trace_id: TraceId, span_id: SpanId, tenant: Tenant = None, at: At = None) -> SpanDetail:
        """Return a span with its messages, how its cost came about, attributes, events, links and scores."""
        owner = await found_or_404(lambda: tenant_of(backend, trace_id.lower(), tenant))
        stored = await found_or_404(
            lambda: read_stored(backend, owner, trace_id.lower(), span_id.lower(), place_of(at))
        )
        return await read_detail(backend, stored, prices)

    @router.get("/{trace_id}/spans/{span_id}/text", response_class=PlainTextResponse, responses=CONFLICT)
    async def text(
        trace_id: TraceId,
        span_id: SpanId,
        source: Annotated[str, Query(max_length=2048, description="`source` of a text that was cut")],
        tenant: Tenant = None,
        at: At = None,
    ) -> PlainTextResponse:
        """Return a whole text as it was sent."""
        owner = await found_or_404(lambda: tenant_of(backend, trace_id.lower(), tenant))
        stored = await found_or_404(
            lambda: read_stored(backend, owner, trace_id.lower(), span_id.lower(), place_of(at))
        )
        try:
            return PlainTextResponse(whole_text(stored, source))
        except NoSuchText as error:
            raise HTTPException(404, str(error)) from None

    return router


async def found_or_404(ask: Callable[[], Awaitable[Found]]) -> Found:
    """Return what was asked for, or answer with why it is not here."""
    try:
        return await ask()
    except SeveralTenants as error:
        raise HTTPException(409, f"{error}; name one of them with tenant=") from None
    except (NoSuchTrace, NoSuchSpan) as error:
        detail = f"{error}: it was never received, is still on its way, or is past its retention"
        raise HTTPException(404, detail) from None


async def tenant_of(backend: Backend, trace_id: str, tenant: str | None) -> str:
    """Return whose trace it is. Raises NoSuchTrace, SeveralTenants, QueryFailed."""
    if tenant is not None:
        return tenant
    tenants = await tenants_of(backend, trace_id)
    if not tenants:
        raise NoSuchTrace(f"no span of the trace {trace_id} is stored")
    if len(tenants) > 1:
        raise SeveralTenants(tenants)
    return tenants[0]


def cursor_of(text: str | None, order: Order) -> Cursor | None:
    """Read the cursor of a list of this order. Raises ScopeError."""
    try:
        return None if text is None else Cursor.parse(text, order)
    except BadCursor as error:
        raise ScopeError("cursor", str(error)) from None


def place_of(text: str | None) -> Place | None:
    """Read the place of a span. Raises ScopeError."""
    if text is None:
        return None
    found = PLACE.fullmatch(text)
    if found is None or int(found[1]) >= 2**32 or int(found[3]) >= 2**31:
        raise ScopeError("at", "at is no place of a span: source.offset.ordinal")
    return int(found[1]), int(found[2]), int(found[3])
