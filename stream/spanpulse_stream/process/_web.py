"""The web port: monitoring at once, and the page as soon as it is loaded.

The page is another package, which this one may not import; it is found by the entry point `page` of the group
`spanpulse.parts` and loaded in a thread once the process is ready, since its imports take longer than a start may.
Who asks for it before that waits. Not guaranteed: a page where its package is not installed; monitoring is served
all the same.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from spanpulse_sinks.clickhouse import Database

__all__ = ["Lag", "Surroundings", "WebPort"]

LOG = logging.getLogger(__name__)
GROUP, NAME = "spanpulse.parts", "page"


class Part(Protocol):
    """What an entry point of the group makes."""

    app: ASGIApp

    async def close(self) -> None:
        """Let go of everything; after the last request."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What was accepted and is not stored yet: records, and the age of the oldest one in seconds."""

    records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a part is given.

    ``changes`` counts the batches that were stored and the operations that ended; ``worked`` is the CPU time of the
    pipeline's stages so far, seconds; ``token`` None: nobody is asked.
    """

    database: Database
    version: str
    status: Callable[[], Awaitable[Mapping[str, Any]]]
    lag: Callable[[], Lag]
    changes: Callable[[], float]
    worked: Callable[[], float]
    exporter_variables: Callable[[], Mapping[str, str]]
    price_archive: Path
    routes: Sequence[Route]
    token: SecretStr | None
    hosts: Sequence[str]
    root_path: str


class WebPort:
    """The application of the web port: ``routes`` are those of monitoring, the page answers all others."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = routes
        self._monitoring: ASGIApp = Starlette(routes=routes)
        self._paths = frozenset(route.path for route in routes)
        self._loading: asyncio.Task[Part] | None = None

    def load(self, surroundings: Surroundings) -> None:
        """Begin to load the page, where there is one."""
        found = entry_points(group=GROUP, name=NAME)
        if found:
            self._loading = asyncio.create_task(self._load(found[NAME].load, surroundings))

    async def close(self) -> None:
        """Close the page."""
        if self._loading is not None:
            with contextlib.suppress(Exception):
                await (await self._loading).close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] in self._paths:
            await self._monitoring(scope, receive, send)
        elif self._loading is None:
            answer = JSONResponse({"detail": "the process starts, or has no page; see /readyz"}, 503)
            await answer(scope, receive, send)
        else:
            part = await asyncio.shield(self._loading)
            await part.app(scope, receive, send)

    async def _load(self, load: Callable[[], Callable[[Surroundings], Part]], surroundings: Surroundings) -> Part:
        try:
            make = await asyncio.to_thread(load)
            return make(surroundings)
        except Exception:
            LOG.exception("the page could not be loaded")
            raise
