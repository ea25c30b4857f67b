"""Traces that come in pieces: calls first, whom they were for and which prompt they had later, often on another day.

Each trace has calls without and with a response id; a call without usage is told of again by a span with usage; its
tool brings the prompt, its root the user. Some calls fail, some are scored in span events and in log records.
"""

import random
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from logevents import build
from making_spans import pairs, request
from pipeline_running import START_MS
from spanpulse_stream.pipeline import Incoming

SECOND = 10**9
MODELS = ("gpt-5", "gpt-4o-mini", "claude-sonnet-4-5")


def corrected_messages(seed: int, traces: int = 40, step_ms: int = 700_000) -> list[Incoming]:
    """Return messages in log order, those of a trace after each other but among those of others."""
    rng = random.Random(seed)
    waiting = [_trace(number, rng) for number in range(1, traces + 1)]
    log: list[Incoming] = []
    while waiting:
        pieces = rng.choice(waiting[:6])
        offset = len(log)
        signal, made = pieces.pop(0)
        at = START_MS + offset * step_ms
        log.append(Incoming(offset, at, "default", signal, 1, made(at * 10**6)))
        waiting = [each for each in waiting if each]
    return log


def _trace(number: int, rng: random.Random) -> list[tuple[str, Any]]:
    """Return the pieces of a trace, each as its signal and what makes it at a time (ns)."""
    model, late = rng.choice(MODELS), rng.random() < 0.8
    experiment = {"spanpulse.experiment.tone": rng.choice("ab")} if rng.random() < 0.5 else {}
    tokens = {"gen_ai.usage.input_tokens": rng.randrange(10, 900), "gen_ai.usage.output_tokens": rng.randrange(2, 90)}
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, **experiment}
    failed = {"error.type": rng.choice(["timeout", "rate_limit"])} if rng.random() < 0.3 else {}
    response = {"gen_ai.response.id": f"chatcmpl-{number:012d}"}
    told = {"spanpulse__experiment__tone": rng.choice("ab"), "spanpulse__experiment__size": "s"} if experiment else {}
    user, prompt = f"user-{rng.randrange(8)}", f"prompt-{rng.randrange(4)}"

    def first(now: int) -> bytes:
        silent = _span(number, 3, 2, now, call | response)
        return request(_span(number, 4, 2, now, call | tokens | failed, scored=rng.random() < 0.5), silent)

    def again(now: int) -> bytes:
        return request(_span(number, 5, 2, now, call | response | tokens))

    def tool(now: int) -> bytes:
        return request(
            _span(number, 2, 1, now, {"gen_ai.operation.name": "execute_tool", "gen_ai.prompt.name": prompt})
        )

    def root(now: int) -> bytes:
        return request(_span(number, 1, 0, now, {"user.id": user, "session.id": f"s-{number}"} if late else {}))

    def score(now: int) -> bytes:
        return build.request(
            build.scored(time_unix_nano=now, gen_ai__evaluation__score__label=rng.choice("xy"), **told)
        )

    made = [("traces", piece) for piece in (first, again, tool, root)]
    return [*made, ("logs", score)] if rng.random() < 0.5 else made


def _span(trace: int, span: int, parent: int, now: int, attributes: dict[str, Any], *, scored: bool = False) -> Span:
    made = Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace * 10 + span).to_bytes(8, "big"),
        parent_span_id=(trace * 10 + parent).to_bytes(8, "big") if parent else b"",
        name=f"step {span}",
        start_time_unix_nano=now - (span + 1) * SECOND,
        end_time_unix_nano=now - SECOND + trace * 1_000_003,
        attributes=pairs(attributes),
    )
    if scored:
        said = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.123456789 * trace}
        made.events.append(Span.Event(name="gen_ai.evaluation.result", time_unix_nano=now, attributes=pairs(said)))
    return made
