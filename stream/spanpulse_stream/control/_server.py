"""The server of the control socket: POST /sql, GET /status, POST /operations/NAME, and what others bring (imports).

An answer is sent whole, bounded by the limits of the query itself. A query that fails is a 400 with
ClickHouse's own message; one whose client went away, or that a stop meets, is cancelled. An operation answers with
lines of JSON while it runs (see `_operations`). Nothing else of the process is reachable here.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from spanpulse_stream.control._operations import Operate, events
from spanpulse_stream.control._socket import bind_private, remove

__all__ = ["ControlServer", "Operations"]

LONGEST_QUERY = 4 * 1024 * 1024
STOP_WITHIN = 2  # seconds for queries to end that were cancelled


@dataclass(frozen=True, slots=True)
class Operations:
    """What a running process can do for its operator.

    ``query(sql, format)`` returns the result's bytes, raises ``query_errors`` with a message for a person, and ends
    the query when it is cancelled. ``operate`` runs an operation of maintenance.
    """

    query: Callable[[str, str], Awaitable[bytes]]
    status: Callable[[], Awaitable[dict[str, Any]]]
    operate: Operate
    query_errors: tuple[type[Exception], ...] = ()


class ControlServer:
    """Serves ``operations``, and ``more`` routes, on the Unix socket at ``path`` from ``start`` to ``stop``."""

    def __init__(self, path: Path, operations: Operations, more: Sequence[BaseRoute] = ()) -> None:
        self._path = path
        self._operations = operations
        routes = [
            Route("/sql", self._sql, methods=["POST"]),
            Route("/status", self._status, methods=["GET"]),
            Route("/operations/{name}", self._operate, methods=["POST"]),
            *more,
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_WITHIN,
        )
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Bind the socket and begin to answer. Raises OSError where the socket cannot be made."""
        listener = bind_private(self._path)
        self._task = asyncio.create_task(self._server._serve([listener]))  # noqa: SLF001 -- serve() would take the signals
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 -- uvicorn has no event for it
            await asyncio.sleep(0.005)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Cancel the queries, finish what else is being answered, within a bound, and remove the socket."""
        self._stopping.set()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        remove(self._path)

    async def _sql(self, request: Request) -> Response:
        body = await request.json()
        if len(body["query"]) > LONGEST_QUERY:
            return PlainTextResponse(f"the query is longer than {LONGEST_QUERY} characters", 413)
        work = asyncio.ensure_future(self._operations.query(body["query"], body["format"]))
        try:
            await self._until_pointless(work, request)
            if not work.done():
                return PlainTextResponse("the running process stops", 503)
            return Response(work.result())
        except self._operations.query_errors as error:
            return PlainTextResponse(str(error), 400)
        finally:
            await _cancelled(work)

    async def _until_pointless(self, work: "asyncio.Future[bytes]", request: Request) -> None:
        """Wait until the work is done, the client has gone or the server stops."""
        others: list[asyncio.Future[Any]] = [
            asyncio.create_task(_gone(request)),
            asyncio.create_task(self._stopping.wait()),
        ]
        try:
            await asyncio.wait([work, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for other in others:
                other.cancel()

    async def _status(self, _request: Request) -> Response:
        try:
            return JSONResponse(await self._operations.status())
        except self._operations.query_errors as error:
            return PlainTextResponse(str(error), 503)

    async def _operate(self, request: Request) -> Response:
        arguments = await request.json()
        lines = events(self._operations.operate, request.path_params["name"], arguments, self._stopping)
        return StreamingResponse(lines, media_type="application/x-ndjson")


async def _gone(request: Request) -> None:
    """Wait until the client has gone; only after the body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cancelled(work: "asyncio.Future[bytes]") -> None:
    """Cancel work that is not done, and wait until it is."""
    if not work.done():
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
