"""Writes a planned request as spans and log records, with the names of OpenTelemetry's GenAI conventions.

Ids follow from the seed of the day, its end and the request's number, so another day in the same database is no
repetition. Content stands in span attributes; it is short next to the tokens that are reported.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from spanpulse_stream.traffic._data import Signal
from spanpulse_stream.traffic._encode import CLIENT, ERROR, INTERNAL, SERVER, Event, SpanRecord, Value, encode_span
from spanpulse_stream.traffic.day._log_records import LogRecord, encode_log
from spanpulse_stream.traffic.day._messages import Conversation, as_json
from spanpulse_stream.traffic.day._request import Call, Failure, Request, Score, Step
from spanpulse_stream.traffic.day._texts import Talk

__all__ = ["Written", "write"]

KINDS: Final = {"root": SERVER, "llm": CLIENT, "embedding": CLIENT, "retrieval": CLIENT}
STATUS_CODES: Final = {"APITimeoutError": 504, "RateLimitError": 503}


@dataclass(frozen=True, slots=True)
class Written:
    """One encoded record; ``moment`` (ns since the Unix epoch) is when its process has it."""

    moment: int
    signal: Signal
    body: bytes


def write(request: Request, seed: int, end: int) -> Iterator[Written]:
    """Yield the records of a request of a day that ends at ``end`` (ns since the Unix epoch).

    Takes its texts from the request's own chance: written twice, they differ.
    """
    writer = _Writer(request, hashlib.sha256(f"{seed}/{end}/{request.number}".encode()).digest(), end)
    for step in request.steps:
        yield Written(end + step.end, "traces", writer.span(step))
    for score in request.scores:
        yield Written(end + score.moment, "logs", writer.evaluation(score))


class _Writer:
    """The records of one request; ``end`` is that of the day in ns since the Unix epoch."""

    def __init__(self, request: Request, entropy: bytes, end: int) -> None:
        self._request, self._entropy, self._end = request, entropy, end
        self._talk = Talk(request.dice)
        self._conversation = Conversation(self._talk)
        self._who: dict[str, Value] = {
            "user.id": f"user-{request.user:04d}",
            "session.id": f"session-{request.session:06d}",
        }

    def span(self, step: Step) -> bytes:
        """Return an encoded span."""
        attributes, failure = self._attributes(step), step.failure
        events: tuple[Event, ...] = ()
        if failure is not None:
            attributes["error.type"] = failure.kind
            if step.kind in {"llm", "tool"}:
                events = (Event(self._end + step.end, "exception", _raised(failure)),)
        return encode_span(
            SpanRecord(
                trace_id=self._entropy[:16],
                span_id=self._span_id(step.number),
                parent_id=b"" if step.parent < 0 else self._span_id(step.parent),
                name=step.name,
                kind=KINDS.get(step.kind, INTERNAL),
                start=self._end + step.start,
                end=self._end + step.end,
                attributes=attributes,
                events=events,
                status=0 if failure is None else ERROR,
                message="" if failure is None else failure.message,
            )
        )

    def evaluation(self, score: Score) -> bytes:
        """Return an encoded event `gen_ai.evaluation.result`."""
        attributes: dict[str, Value] = {
            "gen_ai.evaluation.name": score.name,
            "gen_ai.evaluation.score.value": score.value,
            "gen_ai.evaluation.score.label": score.label,
            "spanpulse.evaluator.name": score.evaluator,
            "gen_ai.response.id": self._response_id(score.about),
            **_named(self._request.called(score.about)),
        }
        if score.explanation:
            attributes["gen_ai.evaluation.explanation"] = score.explanation
        moment, span_id = self._end + score.moment, self._span_id(score.about)
        return encode_log(LogRecord(moment, "gen_ai.evaluation.result", self._entropy[:16], span_id, attributes))

    def _attributes(self, step: Step) -> dict[str, Value]:
        match step.kind:
            case "llm":
                return self._chat(step, self._request.called(step.number))
            case "embedding":
                call = self._request.called(step.number)
                return _asked_for(call, "embeddings") | _usage(call) | self._who
            case "retrieval":
                return self._retrieval(step)
            case "tool":
                return self._tool(step)
            case "agent":
                name = step.name.removeprefix("invoke_agent ")
                return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name, **self._who}
            case "root":
                return self._root(step)

    def _root(self, step: Step) -> dict[str, Value]:
        if self._request.flow == "index":
            name = step.name.removeprefix("invoke_workflow ")
            return {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name, **self._who}
        route = step.name.removeprefix("POST ")
        return {
            "http.request.method": "POST",
            "http.route": route,
            "http.response.status_code": STATUS_CODES.get(step.failure.kind, 502) if step.failure else 200,
            "url.path": route,
            **self._who,
        }

    def _retrieval(self, step: Step) -> dict[str, Value]:
        return {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": "handbook",
            "gen_ai.retrieval.query.text": self._talk.question,
            "gen_ai.retrieval.documents": as_json(self._talk.documents(step.documents)),
            "db.system.name": "postgresql",
            "spanpulse.tag.top_k": str(step.documents),
        }

    def _tool(self, step: Step) -> dict[str, Value]:
        tool, call_id = step.name.removeprefix("execute_tool "), self._call_id(step.number)
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call_id,
            "gen_ai.tool.call.arguments": as_json(self._conversation.arguments(tool)),
        }
        result = self._conversation.used(tool, call_id, step.failure)
        return attributes if step.failure else attributes | {"gen_ai.tool.call.result": as_json(result)}

    def _chat(self, step: Step, call: Call) -> dict[str, Value]:
        talk = self._conversation
        attributes: dict[str, Value] = _asked_for(call, "chat") | _named(call)
        attributes |= {
            "gen_ai.request.stream": call.first_token is not None,
            "gen_ai.system_instructions": talk.system(call),
            "gen_ai.input.messages": talk.asked(call),
            **self._who,
        }
        if step.failure is not None:
            return attributes
        attributes |= {
            "gen_ai.response.model": call.model.name,
            "gen_ai.response.id": self._response_id(step.number),
            "gen_ai.response.finish_reasons": ["tool_call" if call.calls_tool else "stop"],
            "gen_ai.output.messages": talk.said(call, self._call_id(step.number + 1)),
        }
        if call.first_token is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = call.first_token / 1e9
        return attributes | _usage(call)

    def _span_id(self, number: int) -> bytes:
        return self._entropy[16:23] + bytes((number + 1,))

    def _response_id(self, number: int) -> str:
        return f"resp-{self._entropy[8:20].hex()}{number:02x}"

    def _call_id(self, number: int) -> str:
        return f"call_{self._entropy[20:28].hex()}{number:02x}"


def _asked_for(call: Call, operation: str) -> dict[str, Value]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": call.model.provider,
        "gen_ai.request.model": call.model.name,
        "server.address": call.model.server,
    }


def _named(call: Call) -> dict[str, Value]:
    return {
        "gen_ai.request.model": call.model.name,
        "gen_ai.prompt.name": call.prompt,
        "spanpulse.prompt.version": call.version,
        **({"spanpulse.experiment.answer-style": call.style} if call.style else {}),
    }


def _usage(call: Call) -> dict[str, Value]:
    if not call.reports:
        return {}
    further = {
        "gen_ai.usage.output_tokens": call.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": call.cache_read,
        "gen_ai.usage.cache_write.input_tokens": call.cache_write,
        "gen_ai.usage.reasoning.output_tokens": call.reasoning,
    }
    return {
        "gen_ai.usage.input_tokens": call.input_tokens,
        **{name: tokens for name, tokens in further.items() if tokens},
    }


def _raised(failure: Failure) -> dict[str, Value]:
    return {
        "exception.type": failure.kind,
        "exception.message": failure.message,
        "exception.stacktrace": f"Traceback (most recent call last):\n  ...\n{failure.kind}: {failure.message}",
    }
