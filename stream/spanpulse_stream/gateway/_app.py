"""The OTLP/HTTP receiver as an ASGI application: POST /v1/traces, /v1/logs, /v1/metrics, binary protobuf or JSON.

200 is answered only after every message of the request is durable in the log, all of them in one append; any
other answer means that nothing of the request was taken, but for a failure of the log itself (503), after which
the sender repeats the request and the pipeline drops what it has seen. Bodies and keys are never logged. A web
page elsewhere cannot send from a visitor's browser: the content type needs a preflight, which is answered for the
origins that the operator named. Metrics are answered and not kept.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self, TypeVar

from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway._answers import JSON, PROTOBUF, Answer, RequestRefused, accepted
from spanpulse_stream.gateway._body import ClientGone, Receive, read_body
from spanpulse_stream.gateway._cors import Cors
from spanpulse_stream.gateway._inflate import ENCODINGS
from spanpulse_stream.gateway._intake import Intake, Sender, prepare
from spanpulse_stream.gateway._keys import ApiKeys, check_binding
from spanpulse_stream.gateway._limits import Budget, RequestLimits, Reservation
from spanpulse_stream.gateway._metrics import not_kept
from spanpulse_stream.log import LogFull, MessageLog, Signal
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.settings import Settings

__all__ = ["OtlpApp", "OtlpOptions"]

logger = logging.getLogger(__name__)

Kind = Signal | Literal["metrics"]
PATHS: dict[str, Kind] = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1/metrics": "metrics"}
NO_SIGNAL = "none"  # also of requests whose path was never read
RETRY_AFTER_S = 2.0
LOG_FULL_SHOWN_S = 10.0  # how long one 429 keeps the process unready, if no other follows

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
State = Literal["starting", "serving", "stopping"]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class OtlpOptions:
    """How the receiver is set: ``partitions`` of the log, who may send, the limits, and from which web pages."""

    partitions: int = 1
    keys: ApiKeys = field(default_factory=ApiKeys)
    limits: RequestLimits = field(default_factory=RequestLimits)
    decoding: Limits = field(default_factory=Limits)
    cors: Cors = field(default_factory=Cors)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the receiver's part of the settings. Raises InvalidKey, BindingRefused."""
        keys = ApiKeys.parse(key.get_secret_value() for key in settings.api_keys)
        check_binding(settings.host, keys)
        return cls(
            settings.partitions,
            keys,
            RequestLimits(
                max_body_bytes=settings.max_body_bytes, max_decompressed_bytes=settings.max_decompressed_bytes
            ),
            Limits(max_attributes=settings.max_attributes, max_depth=settings.max_depth),
            Cors.of(settings.cors_origins),
        )


class OtlpApp:
    """Receives OTLP/HTTP into ``log``.

    It answers 503 until ``serve`` and after ``stop``. ``close`` ends its threads.
    """

    def __init__(self, log: MessageLog, options: OtlpOptions, metrics: Metrics, health: Health) -> None:
        self._log = log
        self._options = options
        self._metrics = metrics
        self._health = health
        self._state: State = "starting"
        self._budget = Budget(options.limits.most_requests, options.limits.budget)
        self._threads = ThreadPoolExecutor(options.limits.threads, thread_name_prefix="otlp")
        metrics.watch(catalog.RECEIVER_IN_FLIGHT, lambda: self._budget.requests)
        metrics.watch(catalog.RECEIVER_IN_FLIGHT_BYTES, lambda: self._budget.bytes)

    @property
    def options(self) -> OtlpOptions:
        """How the receiver is set."""
        return self._options

    def serve(self) -> None:
        """Accept requests from now on."""
        self._state = "serving"

    def stop(self) -> None:
        """Refuse new requests; those in flight go on."""
        self._state = "stopping"

    def close(self) -> None:
        """End the threads; waits for what they do."""
        self._threads.shutdown(cancel_futures=True)

    def refused(self, status: int) -> None:
        """Count a request that the server refused before it came here."""
        self._metrics.add(catalog.RECEIVER_REQUESTS, 1, NO_SIGNAL, str(status))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} is served here")
        begun = time.perf_counter()
        signal = PATHS.get(scope["path"])
        headers = dict(scope["headers"])
        if signal and scope["method"] == "OPTIONS" and (allowed := self._options.cors.preflight(headers)):
            await _send(send, Answer(204, b"", headers=allowed))
            return
        try:
            answer = await self._answer(scope, headers, receive, signal)
        except ClientGone:
            self._metrics.add(catalog.RECEIVER_ABORTED, 1, signal or NO_SIGNAL)
            return
        except RequestRefused as refusal:
            self._metrics.add(catalog.RECEIVER_RECORDS, refusal.records, signal or NO_SIGNAL, "refused")
            answer = refusal.answer(as_json=_media_type(headers) == JSON)
        self._metrics.add(catalog.RECEIVER_REQUESTS, 1, signal or NO_SIGNAL, str(answer.status))
        self._metrics.observe(catalog.RECEIVER_SECONDS, time.perf_counter() - begun, signal or NO_SIGNAL)
        answer.headers.extend(self._options.cors.headers(headers))
        await _send(send, answer)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, signal: Kind | None) -> Answer:
        try:
            return await self._receive(scope, headers, receive, signal)
        except (RequestRefused, ClientGone):
            raise
        except asyncio.CancelledError:
            # The stop took too long. A bare end would read as 500, after which senders drop their data.
            raise RequestRefused(503, "the receiver stops", retry_after_s=RETRY_AFTER_S, close=True) from None
        except Exception:
            logger.exception("a request failed inside the receiver")
            raise RequestRefused(500, "the receiver failed; its log says why") from None

    async def _receive(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, signal: Kind | None
    ) -> Answer:
        if signal is None:
            raise RequestRefused(404, f"nothing is received here; OTLP is at {', '.join(PATHS)}")
        if scope["method"] != "POST":
            raise RequestRefused(405, "OTLP is sent with POST", headers=[(b"allow", b"POST")])
        if self._state != "serving":
            raise RequestRefused(503, f"the receiver is {self._state}", retry_after_s=RETRY_AFTER_S)
        sender = self._sender(scope)
        encoding, as_json = _encoding(headers), _media_type(headers) == JSON
        limits = self._options.limits
        with self._budget.open() as held:
            body = await read_body(receive, headers.get(b"content-length"), limits, held)
            held.admit()
            self._metrics.add(catalog.RECEIVER_BYTES, len(body), signal, "sent")
            if signal == "metrics":
                return await self._in_thread(partial(not_kept, body, encoding, limits, held, as_json=as_json))
            intake = await self._prepare(body, signal, encoding, sender, held, as_json=as_json)
            await self._append(intake)
        self._metrics.add(catalog.RECEIVER_BYTES, intake.size, signal, "decompressed")
        self._metrics.add(catalog.RECEIVER_RECORDS, intake.records, signal, "accepted")
        self._metrics.add(catalog.RECEIVER_RECORDS, len(intake.rejected), signal, "rejected")
        return accepted(signal, intake.rejected, as_json=as_json)

    def _sender(self, scope: Scope) -> Sender:
        tenant = self._options.keys.tenant(scope["headers"])
        if tenant is None:
            message = "no valid API key; send it as 'authorization: Bearer KEY' or 'x-api-key: KEY'"
            raise RequestRefused(401, message, headers=[(b"www-authenticate", b"Bearer")])
        return Sender(tenant, scope["client"][0] if scope.get("client") else "")

    async def _prepare(
        self, body: bytes, signal: Signal, encoding: str, sender: Sender, held: Reservation, *, as_json: bool
    ) -> Intake:
        options = self._options

        def work() -> Intake:
            return prepare(
                body,
                signal,
                encoding,
                sender,
                as_json=as_json,
                limits=options.limits,
                decoding=options.decoding,
                partitions=options.partitions,
                held=held,
            )

        if len(body) <= options.limits.inline_bytes and not encoding and not as_json:
            return work()
        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _append(self, intake: Intake) -> None:
        if not intake.messages:
            return
        try:
            await self._log.append(intake.messages)
        except LogFull as full:
            self._health.report(Condition.LOG_FULL, str(full), for_seconds=LOG_FULL_SHOWN_S)
            raise RequestRefused(429, str(full), retry_after_s=full.retry_after_s, records=intake.records) from None
        except Exception:
            logger.exception("the log did not take a request")
            raise RequestRefused(
                503, "the log failed; try again", retry_after_s=RETRY_AFTER_S, records=intake.records
            ) from None


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
