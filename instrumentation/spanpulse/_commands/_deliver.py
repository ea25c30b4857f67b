"""Sending one span of our own, and seeing it arrive.

The span is real, and goes the way of all others: by the transport of the settings, until the receiver acknowledges it.
It calls no model, so no figure counts it. Where the page can be asked, its API says when the span is stored. Guarantee:
everything ends in the time that is given; what the page is told is the id of a trace, and its own token.
"""

import json
import os
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from spanpulse._commands._step import Step, failed, fine, noted
from spanpulse._export import Batch, Refused, Unavailable, transport_of
from spanpulse._settings import Settings
from spanpulse._version import VERSION

__all__ = ["Marked", "check_arrival", "check_sending", "marked_span"]

SERVICE: Final = "spanpulse-doctor"
TOKEN: Final = "SPANPULSE_WEB_TOKEN"  # noqa: S105 -- the name of a variable
LOOK_EVERY_S: Final = 0.1
LOOK_TIMEOUT_S: Final = 5.0
KEY_REFUSED: Final = {"http 401", "http 403", "grpc UNAUTHENTICATED", "grpc PERMISSION_DENIED"}
NOT_THERE: Final = {"http 404", "http 405", "grpc UNIMPLEMENTED"}


@dataclass(frozen=True, slots=True)
class Marked:
    """A span that nobody else has."""

    trace_id: str
    batch: Batch


def marked_span() -> Marked:
    """Return a span with a random trace id, which ends now."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue  # noqa: PLC0415

    def attribute(name: str, value: str) -> Any:
        return KeyValue(key=name, value=AnyValue(string_value=value))

    trace_id, now = secrets.token_bytes(16), time.time_ns()
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(
        [attribute("service.name", SERVICE), attribute("service.instance.id", trace_id.hex())]
    )
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "spanpulse", VERSION
    scope.spans.add(
        trace_id=trace_id,
        span_id=secrets.token_bytes(8),
        name="spanpulse doctor",
        kind=1,
        start_time_unix_nano=now - 1_000_000,
        end_time_unix_nano=now,
    )
    return Marked(trace_id.hex(), Batch("traces", request.SerializeToString(), 1, secrets.token_bytes(16)))


def check_sending(settings: Settings, span: Marked) -> Step:
    """Send the span, once, until the receiver has acknowledged it."""
    begun = time.monotonic()
    try:
        transport = transport_of(settings)()
        try:
            transport.send(span.batch)
        finally:
            transport.close()
    except Refused as refusal:
        return failed("send", f"the receiver refuses the span: {refusal}", _about_refusal(refusal.reason))
    except Unavailable as error:
        return failed("send", f"the span cannot be delivered: {error}", "is the receiver up, and not overloaded?")
    except ImportError as error:
        return failed("send", str(error), "install what is missing")
    except (OSError, ValueError) as error:  # files of certificates
        return failed("send", f"{type(error).__name__}: {error}", "correct the setting")
    return fine("send", f"the receiver acknowledged the span of trace {span.trace_id} in {_ms(begun)}")


def check_arrival(span: Marked, page: str, within: float, *, asked_for: bool) -> Step:
    """Wait until the page has the trace. Where nobody ``asked_for`` the page, one that is not there is no fault."""
    begun = time.monotonic()
    address = f"{page.rstrip('/')}/traces/{span.trace_id}"
    while True:
        status, why = _look(page, span.trace_id)
        if status == HTTPStatus.OK:
            return fine("arrival", f"stored {_ms(begun)} later: {address}")
        if status != HTTPStatus.NOT_FOUND:
            return _not_looked_up(page, status, why, asked_for=asked_for)
        if time.monotonic() - begun > within:
            return failed(
                "arrival",
                f"not stored within {within:g} s ({address})",
                "does that page belong to the receiver, is its `keep` setting llm_traces, and is it behind? "
                "`spanpulse status` says",
            )
        time.sleep(LOOK_EVERY_S)


def _look(page: str, trace_id: str) -> tuple[int, str]:
    """Return the status with which the page's API answers, 0 and the reason where it does not."""
    request = urllib.request.Request(f"{page.rstrip('/')}/api/v1/traces/{trace_id}")  # noqa: S310 -- checked before
    if token := os.environ.get(TOKEN):
        request.add_unredirected_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=LOOK_TIMEOUT_S) as answer:  # noqa: S310
            return _own_status(answer.status, answer.read(1 << 20), "summary")
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return _own_status(error.code, error.read(1 << 16), "title")
        return error.code, f"it answers with {error.code}"
    except (OSError, ValueError) as error:  # URLError and TimeoutError are OSErrors
        return 0, str(getattr(error, "reason", error))


def _own_status(status: int, body: bytes, has: str) -> tuple[int, str]:
    """Return the status of an answer of ours, 0 for one of something else."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    return (status, "") if isinstance(told, dict) and has in told else (0, "it is not the page of spanpulse")


def _not_looked_up(page: str, status: int, why: str, *, asked_for: bool) -> Step:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        said, advice = f"the page {page} asks for its token", f"set {TOKEN} to it"
        return failed("arrival", said, advice)
    said = f"acknowledged, and not looked up: the page {page} cannot be asked ({why})"
    if asked_for:
        return failed("arrival", said, "correct --page")
    return noted("arrival", said, "name the page with --page URL")


def _about_refusal(reason: str) -> str:
    if reason in KEY_REFUSED:
        return "set SPANPULSE_API_KEY to a key of the receiver"
    if reason in NOT_THERE:
        return "correct the endpoint: is that the port of OTLP, and not that of the page?"
    return "what the receiver says tells why"


def _ms(begun: float) -> str:
    return f"{(time.monotonic() - begun) * 1000:.0f} ms"
