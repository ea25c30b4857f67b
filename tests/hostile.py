"""Texts that attack a page, in every field of a span that a page may show."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from making_spans import SECOND, pairs, request, span

__all__ = ["ATTACKS", "HIT", "hostile_exports"]

HIT = "window.__hit"
"""What an attack that works sets."""
ATTACKS = (
    f"<script>{HIT}=1</script>",
    f"</script><script>{HIT}=2</script>",
    f'"><img src=x onerror={HIT}=3>',
    f"'><svg/onload={HIT}=4>",
    f"javascript:{HIT}=5",
    f'" onmouseover="{HIT}=6" x="',
    f'" hx-get="/" hx-trigger="load" hx-on:load="{HIT}=7" x="',
    f"<hx-partial hx-target='body'><b onclick={HIT}=8>",
    f"<template hx type='partial' hx-target='#page'>{HIT}=9",
    f"{{{{ [].constructor.constructor('{HIT}=10')() }}}}",
    f"${{{HIT}=11}}",
    f"<!--><script>{HIT}=12</script>-->",
    f"<math><mtext><table><mglyph><style><img src=x onerror={HIT}=13>",
    f"&lt;script&gt;{HIT}=14&lt;/script&gt;",
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "\u202egnp.exe\u2066\u200f",
    "\u2028\u2029\ufeff\ufffe",
    "%3Cscript%3E%00",
    "a&model=b#c?d=e",
)


def hostile_exports(now: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield (signal, body): for each attack a trace with it in every field, and a score."""
    end = int(now.timestamp() * 1e9)
    for number, attack in enumerate(ATTACKS, start=1):
        yield "traces", _trace(number, attack, end - number * SECOND)
        yield "logs", _score(number, attack, end - number * SECOND)


def _trace(number: int, attack: str, end: int) -> bytes:
    trace_id = number.to_bytes(8, "big") + b"hostile!"
    times: dict[str, Any] = {"start_time_unix_nano": end - SECOND, "end_time_unix_nano": end, "trace_id": trace_id}
    error = Status(code=Status.STATUS_CODE_ERROR, message=attack)
    event = Span.Event(name=attack, time_unix_nano=end, attributes=pairs({"exception.message": attack, attack: attack}))
    root = span({attack: attack, "user.id": attack}, name=attack, span_id=b"root%04d" % number, **times)
    call = span(
        _call(attack), name=attack, span_id=b"call%04d" % number, parent_span_id=root.span_id, status=error,
        events=[event], **times,
    )  # fmt: skip
    tool = span(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": attack, "error.type": attack},
        name=attack, span_id=b"tool%04d" % number, parent_span_id=root.span_id, status=error, **times,
    )  # fmt: skip
    resource = {"service.name": attack, "deployment.environment.name": attack, attack: attack}
    return request(call, tool, root, scope=attack, resource=resource)


def _call(attack: str) -> dict[str, Any]:
    message = [{"role": "user", "parts": [{"type": "text", "content": attack}]}]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": attack,
        "gen_ai.request.model": attack,
        "gen_ai.response.model": attack,
        "gen_ai.response.id": f"{attack}-response-of-this-attack",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.prompt.name": attack,
        "gen_ai.conversation.id": attack,
        "spanpulse.prompt.version": attack,
        "spanpulse.tag.attack": attack,
        "spanpulse.experiment.attack": attack,
        "user.id": attack,
        "error.type": attack,
        "gen_ai.input.messages": str(message).replace("'", '"') if '"' not in attack and "'" not in attack else attack,
        "gen_ai.output.messages": attack,
    }


def _score(number: int, attack: str, time: int) -> bytes:
    values = {
        "gen_ai.evaluation.name": attack,
        "gen_ai.evaluation.score.label": attack,
        "gen_ai.evaluation.explanation": attack,
    }
    record = LogRecord(
        time_unix_nano=time, event_name="gen_ai.evaluation.result", attributes=pairs(values),
        trace_id=number.to_bytes(8, "big") + b"hostile!", span_id=b"call%04d" % number,
    )  # fmt: skip
    logs = ScopeLogs(scope=InstrumentationScope(name=attack, version="1"), log_records=[record])
    group = ResourceLogs(resource=Resource(attributes=pairs({"service.name": attack})), scope_logs=[logs])
    return ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()
