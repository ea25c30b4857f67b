"""Errors as people and programs get them: a Problem (RFC 9457) for the API, a page for a browser.

Nothing of the inside is shown: no SQL, no message of the engine. What has no cause outside is logged with its trace,
once, and the connection stays. Not guaranteed: an answer where one had begun before the error; the connection is cut.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanpulse_dashboards._models import Problem
from spanpulse_dashboards._scope import ScopeError
from spanpulse_sinks.clickhouse import QueryFailed

__all__ = ["PROBLEM_JSON", "Answered", "ErrorPage", "problem_of", "problem_response", "respond_to"]

LOG = logging.getLogger(__name__)
PROBLEM_JSON = "application/problem+json"
ErrorPage = Callable[[Request, Problem], Awaitable[Response]]
"""Makes the page of an error; its status and headers are set by who asks for it."""

Kind = QueryFailed.Kind
OF_QUERIES = {
    Kind.LIMIT: (503, "the question is too large", "choose a shorter time range or more filters, then try again"),
    Kind.BUSY: (503, "the database is busy", "too much was asked at once; try again in a few seconds"),
    Kind.AWAY: (503, "the database does not answer", "what arrives is kept meanwhile; it is asked again, reload soon"),
    Kind.CLOSED: (503, "the process stops", "start `spanpulse up` again, then reload"),
    Kind.CANCELLED: (503, "the question was cancelled", "ask again"),
}
RETRY_S = "3"


def problem_of(error: Exception) -> Problem:
    """Return what is said about an error."""
    match error:
        case ScopeError():
            return Problem(title="bad parameter", status=422, detail=str(error), parameter=error.parameter)
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return Problem(title=_title(error.status_code), status=error.status_code, detail=str(error.detail))
        case QueryFailed() if error.kind in OF_QUERIES:
            status, title, detail = OF_QUERIES[error.kind]
            return Problem(title=title, status=status, detail=detail)
        case _:
            LOG.error("a request failed", exc_info=error)
            detail = "this is a defect of spanpulse; the log of the process has its trace"
            return Problem(title="the answer could not be made", status=500, detail=detail)


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return the answer of the API."""
    found = {"cache-control": "no-store", **(headers or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        found.setdefault("retry-after", RETRY_S)
    return Response(problem.model_dump_json(exclude_none=True), problem.status, found, PROBLEM_JSON)


def respond_to(page: ErrorPage | None) -> Callable[[Request, Any], Coroutine[Any, Any, Response]]:
    """Return the handler of all errors: of the API's paths as a Problem, of others as ``page`` makes it."""

    async def respond(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        headers = dict(getattr(error, "headers", None) or {})
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if page is None or path.startswith("/api/"):
            return problem_response(problem, headers)
        response = await page(request, problem)
        response.status_code = problem.status
        response.headers.update(headers)
        return response

    return respond


@dataclass(frozen=True, slots=True)
class Answered:
    """Middleware that answers what no route foresaw, by ``answer``.

    The handler of all errors that Starlette has raises them again behind its answer, which costs the client its
    connection and the log a second trace.
    """

    app: ASGIApp
    answer: Callable[[Request, Any], Awaitable[Response]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            if begun:
                raise
            response = await self.answer(Request(scope, receive), error)
            await response(scope, receive, send)


def _of_validation(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    place = [str(each) for each in first.get("loc", ())]
    parameter = place[1] if len(place) > 1 else None
    detail = f"{parameter}: {first['msg']}" if parameter else str(first["msg"])
    return Problem(title="bad parameter", status=422, detail=detail, parameter=parameter)


def _title(status: int) -> str:
    return HTTPStatus(status).phrase.lower()
