"""uvicorn's HTTP/1.1 protocol with the bounds that it lacks: slow senders, endless headers, too many connections.

A header must be complete within a time and a size, a body that nobody reads any more may go on for a bounded time
and size, so that an early answer (413, 429) reaches its sender over a connection that stays usable. What is not
HTTP is answered with a google.rpc.Status too, or in plain text where people ask. An offer to upgrade (to HTTP/2, which
some clients make with every first request) is ignored, as HTTP allows: the parser alone would skip the body of such a
request.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._limits import RequestLimits

__all__ = ["bounded_protocol"]

GRACE = 5.0  # seconds that the body's own time-out comes earlier
RETRY_AFTER_S = 1.0
IGNORED_BODIES = 4  # how many times the largest body is read without use before the connection is cut
HEADER_TOO_LARGE = RequestRefused(431, "the request's header is too large", close=True)
OFFER = frozenset({b"connection", b"upgrade", b"http2-settings"})
PHRASES = {
    400: b"Bad Request",
    405: b"Method Not Allowed",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


def bounded_protocol(
    limits: RequestLimits, on_refused: Callable[[int], None], *, plain: bool = False
) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol class for these limits.

    ``on_refused`` hears the status of what it refuses itself, in plain text with ``plain``.
    """
    given = {"limits": limits, "on_refused": staticmethod(on_refused), "plain": plain}
    return type("BoundedProtocol", (_BoundedProtocol,), given)


class _BoundedProtocol(HttpToolsProtocol):
    limits: RequestLimits
    on_refused: Callable[[int], None]
    plain: bool

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._in_body = False
        self._header_bytes = 0  # received of a header that is not complete
        self._parsed_bytes = 0  # of the header's fields as they are read, which may be in the same write as its end
        self._ignored_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.most_connections:
            self._refuse(RequestRefused(503, "too many connections", retry_after_s=RETRY_AFTER_S, close=True))
            return
        self._expect(self.limits.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._in_body:
            self._header_bytes += len(data)
            if self._deadline is None:
                self._expect(self.limits.header_timeout)
        self._unset_keepalive_if_required()
        self._feed(data)
        if not self._in_body and self._header_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._refuse(HEADER_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._parsed_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the request is read again, see _feed
        self._in_body = True
        self._header_bytes = 0
        self._expect(self.limits.body_timeout + GRACE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._ignored_bytes += len(body)
            if self._ignored_bytes > IGNORED_BODIES * self.limits.max_body_bytes:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_body = False
        self._header_bytes = self._ignored_bytes = 0
        self._settle()
        super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        while data:  # once, and again for each request in it that offers an upgrade
            data = self._parse(data)

    def _parse(self, data: bytes) -> bytes:
        """Parse; return what is to be parsed again."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            if self._parsed_bytes > self.limits.header_bytes:
                self._refuse(HEADER_TOO_LARGE)
            else:
                self._refuse(RequestRefused(400, "this is not valid HTTP/1.1", close=True))
        except httptools.HttpParserUpgrade as offer:
            return self._declined(data[offer.args[0] :])
        return b""

    def _count(self, size: int) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > self.limits.header_bytes:
            raise ValueError("the header is too large")  # ends the parser, see _feed

    def _declined(self, rest: bytes) -> bytes:
        """Return the request without its offer to upgrade, to be read again; ``rest`` is what follows its header."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(RequestRefused(405, "this is no proxy", close=True))
            return b""
        lines = b"".join(b"%s: %s\r\n" % header for header in self.headers if header[0] not in OFFER)
        top = b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, self.parser.get_http_version().encode(), lines)
        self.parser = httptools.HttpRequestParser(self)
        return top + rest

    def _expect(self, seconds: float) -> None:
        self._settle()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _settle(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, refusal: RequestRefused) -> None:
        self.on_refused(refusal.status)
        answer = refusal.answer(as_text=self.plain)
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", str(len(answer.body)).encode()),
            *answer.headers,
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        phrase = PHRASES[answer.status]
        self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (answer.status, phrase, lines, answer.body))
        self.transport.close()
