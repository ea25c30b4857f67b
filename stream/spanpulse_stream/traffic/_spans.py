"""The spans of one replayed call: request, retrieval or tool, a failed attempt, and the model call.

Names and attributes are those of the OpenTelemetry GenAI conventions; texts are short next to the tokens that
the trace reports, as if content capture were cut.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from spanpulse_stream.traffic._encode import CLIENT, ERROR, INTERNAL, SERVER, Event, SpanRecord, Value, encode_span
from spanpulse_stream.traffic._language import Writer
from spanpulse_stream.traffic._plan import MODELS, PROMPTS, TAIL, TIERS, Model, Plan

__all__ = ["SCOPE", "Call", "Timed", "spans_of"]

SCOPE: Final = ("spanpulse.replay", "1.0.0")
Timed = tuple[int, int, bytes]
"""End in ns since the Unix epoch, number of the service, encoded span."""

FAILURES: Final = (
    ("RateLimitError", "Error code: 429 - Rate limit reached for requests"),
    ("InternalServerError", "Error code: 500 - The server had an error while processing your request"),
    ("APITimeoutError", "Request timed out."),
)
SYSTEM: Final = "You are a helpful assistant. Answer from the given context and say so when you do not know."


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a plan: which, when the replay begins (ns since the Unix epoch), 32 bytes to make ids of."""

    plan: Plan
    index: int
    begin: int
    entropy: bytes
    writer: Writer

    @property
    def model(self) -> Model:
        """The model that is called."""
        return MODELS[int(self.plan.model[self.index])]

    @property
    def trace_id(self) -> bytes:
        """16 bytes."""
        return self.entropy[:16]

    def span_id(self, number: int) -> bytes:
        """Return 8 bytes, different for each number below 16."""
        return bytes((self.entropy[16] & 0xF0 | number,)) + self.entropy[17:24]


def spans_of(call: Call) -> Iterator[Timed]:
    """Yield the spans of a call."""
    plan, index = call.plan, call.index
    service = int(plan.service[index])
    start = call.begin + int(plan.start[index])
    ready = start + int(plan.before[index])
    tried = ready + int(plan.failed[index])
    done = tried + int(plan.duration[index])
    question = call.writer.text(120 + index % 200)
    if plan.retrieves[index]:
        yield ready, service, _retrieval(call, start, ready, question)
    elif plan.uses_tool[index]:
        yield ready, service, _tool(call, start, ready, question)
    if plan.fails_first[index]:
        yield tried, service, _failure(call, ready, tried, question)
    yield done, service, _chat(call, tried, done, question)
    yield done + TAIL, service, _root(call, start, done + TAIL)


def _root(call: Call, start: int, end: int) -> bytes:
    attributes: dict[str, Value] = {
        "http.request.method": "POST",
        "http.route": "/v1/answer",
        "http.response.status_code": 200,
        **_who(call),
    }
    return encode_span(
        SpanRecord(call.trace_id, call.span_id(0), b"", "POST /v1/answer", SERVER, start, end, attributes)
    )


def _retrieval(call: Call, start: int, end: int, question: str) -> bytes:
    documents = [
        {"id": f"doc-{call.entropy[24 + rank]}", "score": round(0.9 - 0.1 * rank, 2), "content": call.writer.text(180)}
        for rank in range(3)
    ]
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "handbook",
        "gen_ai.retrieval.query.text": question,
        "gen_ai.retrieval.documents": json.dumps(documents, separators=(",", ":")),
        "spanpulse.tag.top_k": "3",
    }
    return _child(call, 1, "retrieval handbook", CLIENT, start, end, attributes)


def _tool(call: Call, start: int, end: int, question: str) -> bytes:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find_orders",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": f"call_{call.entropy[24:30].hex()}",
        "gen_ai.tool.call.arguments": json.dumps({"text": question[:60]}),
    }
    return _child(call, 1, "execute_tool find_orders", INTERNAL, start, end, attributes)


def _failure(call: Call, start: int, end: int, question: str) -> bytes:
    kind, message = FAILURES[call.entropy[25] % len(FAILURES)]
    attributes = {**_request(call, question), "error.type": kind}
    raised = {
        "exception.type": f"openai.{kind}" if call.model.provider == "openai" else kind,
        "exception.message": message,
        "exception.stacktrace": f"Traceback (most recent call last):\n  ...\n{kind}: {message}",
    }
    event = Event(end, "exception", raised)
    return encode_span(
        SpanRecord(
            call.trace_id, call.span_id(2), call.span_id(0), f"chat {call.model.request_model}", CLIENT, start, end,
            attributes, (event,), ERROR, message,
        )
    )  # fmt: skip


def _chat(call: Call, start: int, end: int, question: str) -> bytes:
    plan, index = call.plan, call.index
    output = int(plan.output_tokens[index])
    finish = "length" if output >= 1000 else "stop"
    answer = call.writer.text(min(max(output * 4, 20), 900))
    attributes: dict[str, Value] = {
        **_request(call, question),
        "gen_ai.response.id": f"resp-{call.entropy[20:32].hex()}",
        "gen_ai.response.model": call.model.response_model,
        "gen_ai.response.finish_reasons": [finish],
        "gen_ai.usage.input_tokens": int(plan.input_tokens[index]),
        "gen_ai.usage.output_tokens": output,
        "gen_ai.output.messages": _messages("assistant", answer, finish_reason=finish),
    }
    if call.model.caches:
        attributes["gen_ai.usage.cache_read.input_tokens"] = int(plan.cache_read[index])
    if call.model.writes_cache:
        attributes["gen_ai.usage.cache_write.input_tokens"] = int(plan.cache_write[index])
    if call.model.tiers:
        attributes["openai.response.service_tier"] = TIERS[int(plan.tier[index])]
    if plan.streams[index]:
        attributes["gen_ai.response.time_to_first_chunk"] = int(plan.first_token[index]) / 1e9
    return _child(call, 3, f"chat {call.model.request_model}", CLIENT, start, end, attributes)


def _request(call: Call, question: str) -> dict[str, Value]:
    plan, index = call.plan, call.index
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.model.provider,
        "gen_ai.request.model": call.model.request_model,
        "gen_ai.request.stream": bool(plan.streams[index]),
        "gen_ai.prompt.name": PROMPTS[int(plan.prompt[index])],
        "spanpulse.prompt.version": str(plan.version[index]),
        "spanpulse.experiment.answer-style": "concise" if plan.concise[index] else "control",
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
        "gen_ai.input.messages": _messages("user", question),
        **_who(call),
    }


def _who(call: Call) -> dict[str, Value]:
    user, session = int(call.plan.user[call.index]), int(call.plan.session[call.index])
    return {"user.id": f"user-{user:04d}", "session.id": f"session-{session:07d}"}


def _messages(role: str, text: str, **more: str) -> str:
    message = {"role": role, "parts": [{"type": "text", "content": text}], **more}
    return json.dumps([message], separators=(",", ":"))


def _child(call: Call, number: int, name: str, kind: int, start: int, end: int, attributes: dict[str, Value]) -> bytes:
    return encode_span(
        SpanRecord(call.trace_id, call.span_id(number), call.span_id(0), name, kind, start, end, attributes)
    )
