"""OTLP/HTTP as an ASGI application: POST /v1/traces, /v1/logs and /v1/metrics, binary protobuf or JSON.

200 means that the request is durable. A web page elsewhere cannot send from a visitor's browser: the content type
needs a preflight, which is answered for the origins that the operator named.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from spanpulse_stream.gateway._answers import JSON, PROTOBUF, Answer, RequestRefused
from spanpulse_stream.gateway._body import Receive, read_body
from spanpulse_stream.gateway._inflate import ENCODINGS
from spanpulse_stream.gateway._receiver import Kind, Receiver

__all__ = ["OtlpApp"]

PATHS: dict[str, Kind] = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1/metrics": "metrics"}

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class OtlpApp:
    """Gives requests that come over HTTP to ``receiver``."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} is served here")
        kind, headers, cors = PATHS.get(scope["path"]), dict(scope["headers"]), self._receiver.options.cors
        if kind and scope["method"] == "OPTIONS" and (allowed := cors.preflight(headers)):
            await _send(send, Answer(204, b"", headers=allowed))
            return
        outcome = await self._receiver.answer(kind, self._receive(scope, headers, receive, kind))
        if isinstance(outcome, RequestRefused):
            outcome = outcome.answer(as_json=_media_type(headers) == JSON)
        if outcome is not None:
            outcome.headers.extend(cors.headers(headers))
            await _send(send, outcome)

    async def _receive(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, kind: Kind | None) -> Answer:
        if kind is None:
            raise RequestRefused(404, f"nothing is received here; OTLP is at {', '.join(PATHS)}")
        if scope["method"] != "POST":
            raise RequestRefused(405, "OTLP is sent with POST", headers=[(b"allow", b"POST")])
        receiver = self._receiver
        sender = receiver.sender(scope["headers"], scope["client"][0] if scope.get("client") else "")
        encoding, as_json = _encoding(headers), _media_type(headers) == JSON
        with receiver.open() as held:
            with receiver.reading(sender, held):
                body = await read_body(receive, headers.get(b"content-length"), receiver.options.limits, held)
            return await receiver.take(body, kind, encoding, sender, held, as_json=as_json)


def _media_type(headers: dict[bytes, bytes]) -> bytes:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _encoding(headers: dict[bytes, bytes]) -> str:
    """Return the body's encoding, '' for none. Raises RequestRefused (415) for a content that is not understood."""
    media_type = _media_type(headers)
    if media_type not in (PROTOBUF, JSON):
        raise RequestRefused(415, "content-type must be application/x-protobuf or application/json")
    encoding = headers.get(b"content-encoding", b"").strip().lower().decode("latin-1")
    if encoding in ("", "identity"):
        return ""
    if encoding not in ENCODINGS:
        accepted_encodings = [(b"accept-encoding", b"gzip, deflate")]
        raise RequestRefused(415, "content-encoding must be gzip, deflate or none", headers=accepted_encodings)
    return encoding


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
