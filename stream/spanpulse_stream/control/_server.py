"""The server of the control socket: POST /sql and GET /status.

An answer is sent whole, bounded by the limits of the query itself. A query that fails is a 400 with
ClickHouse's own message; nothing else of the process is reachable here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from spanpulse_stream.control._socket import bind_private

__all__ = ["ControlServer", "Operations"]

LONGEST_QUERY = 4 * 1024 * 1024
STOP_WITHIN = 5


@dataclass(frozen=True, slots=True)
class Operations:
    """What a running process can do for its operator.

    ``query(sql, format)`` returns the result's bytes and raises ``query_errors`` with a message for a person.
    """

    query: Callable[[str, str], Awaitable[bytes]]
    status: Callable[[], Awaitable[dict[str, Any]]]
    query_errors: tuple[type[Exception], ...] = ()


class ControlServer:
    """Serves ``operations`` on the Unix socket at ``path`` from ``start`` to ``stop``."""

    def __init__(self, path: Path, operations: Operations) -> None:
        self._path = path
        self._operations = operations
        routes = [
            Route("/sql", self._sql, methods=["POST"]),
            Route("/status", self._status, methods=["GET"]),
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

    async def start(self) -> None:
        """Bind the socket and begin to answer. Raises OSError where the socket cannot be made."""
        listener = bind_private(self._path)
        self._task = asyncio.create_task(self._server._serve([listener]))  # noqa: SLF001 -- serve() would take the signals
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 -- uvicorn has no event for it
            await asyncio.sleep(0.005)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Finish what is being answered, within a bound, and remove the socket."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._path.unlink(missing_ok=True)

    async def _sql(self, request: Request) -> Response:
        body = await request.json()
        if len(body["query"]) > LONGEST_QUERY:
            return PlainTextResponse(f"the query is longer than {LONGEST_QUERY} characters", 413)
        try:
            return Response(await self._operations.query(body["query"], body["format"]))
        except self._operations.query_errors as error:
            return PlainTextResponse(str(error), 400)

    async def _status(self, _request: Request) -> Response:
        return JSONResponse(await self._operations.status())
