"""What stands before every page: root path, names, origins, token, headers, and an end for what nobody waits for.

An ASGI application around another one. `/metrics`, `/healthz` and `/readyz` ask for nothing, as monitoring reaches
them by any name; static files and the sign-in form ask for no token. Not guaranteed: anything about bodies, which no
route but the form reads.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanpulse_dashboards._access import Access, Verdict
from spanpulse_dashboards._errors import problem_response
from spanpulse_dashboards._hosts import Hosts
from spanpulse_dashboards._models import Problem

__all__ = ["HEADERS", "Guard"]

MONITORING = frozenset({"/metrics", "/healthz", "/readyz"})
WITHOUT_TOKEN = ("/static/", "/login")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets through to ``app`` what may pass. ``root_path`` is '' or '/prefix', the place below a proxy's address."""

    app: ASGIApp
    hosts: Hosts
    access: Access
    root_path: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        path = scope["path"].removeprefix(self.root_path) if self._below(scope["path"]) else scope["path"]
        placed = {**scope, "path": self.root_path + path, "root_path": self.root_path}
        placed["raw_path"] = quote(placed["path"]).encode()
        guarded = _with_headers(send)
        refusal = None if path in MONITORING else await self._refusal(path, scope)
        if refusal is not None:
            await refusal(placed, receive, guarded)
        elif scope["method"] in {"GET", "HEAD"}:
            await _while_connected(self.app, placed, receive, guarded)
        else:
            await self.app(placed, receive, guarded)

    def _below(self, path: str) -> bool:
        return bool(self.root_path) and (path == self.root_path or path.startswith(f"{self.root_path}/"))

    async def _refusal(self, path: str, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.hosts.knows(host):
            known = f"{host[:100]!r} is none of the names of this page; name it in web_hosts (SPANPULSE_WEB_HOSTS)"
            return problem_response(Problem(title="misdirected request", status=421, detail=known))
        if self.root_path and not path:
            return RedirectResponse(_with_query(f"{self.root_path}/", scope))
        if not self.hosts.may_send(scope["method"], headers):
            other = "only pages of this host may send something to it; open the page at its own address"
            return problem_response(Problem(title="forbidden", status=403, detail=other))
        verdict = Verdict.ADMITTED if path.startswith(WITHOUT_TOKEN) else self.access.judge(headers)
        if verdict is Verdict.ADMITTED:
            return None
        if verdict is Verdict.WRONG and not await self.access.delay():
            many = "too many send a wrong token at this time; send the right one"
            return problem_response(Problem(title="too many requests", status=429, detail=many), {"retry-after": "1"})
        return self._asked(path, scope)

    def _asked(self, path: str, scope: Scope) -> Response:
        """Return what asks for the token: the form for a person, a problem for a program."""
        if path.startswith("/api/") or scope["method"] not in {"GET", "HEAD"}:
            asked = "send the token: Authorization: Bearer TOKEN (setting web_token)"
            problem = Problem(title="unauthorized", status=401, detail=asked)
            return problem_response(problem, {"www-authenticate": 'Bearer realm="spanpulse"'})
        there = f"{self.root_path}/login?next={quote(_with_query(path, scope), safe='')}"
        return RedirectResponse(there, 303, {"cache-control": "no-store"})


def _with_query(path: str, scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


async def _while_connected(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run a request that has no body; when its client goes it is cancelled, and so is what it asks the database."""
    gone = asyncio.create_task(_disconnected(receive))
    body: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receiving() -> Message:
        if body:
            return body.pop()
        return await asyncio.shield(gone)

    working = asyncio.ensure_future(_awaited(app, scope, receiving, send))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not working.done():
            working.cancel()
    try:
        await working
    except asyncio.CancelledError:
        if not gone.done() or gone.cancelled():
            raise


async def _awaited(app: ASGIApp, scope: Scope, receive: Receive, send: Callable[[Any], Any]) -> None:
    await app(scope, receive, send)


async def _disconnected(receive: Receive) -> Message:
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message
