"""A process of an instrumented application: `calls` makes calls and scores some of them, `feedback` scores later.

`python wrapper_scores_child.py calls ADDRESS COUNT` prints, as JSON, a list of [response id, trace id, model, prompt
version, variant]; half of the calls are scored at once, some by their response id. `... feedback ADDRESS` reads
[how, id, value] from its input.
"""

import json
import os
import sys
from typing import Any

from opentelemetry import trace

from spanpulse._context import context
from spanpulse._instrument import flush, instrument, stats
from spanpulse._scores import score

MODELS, VARIANTS = ("gpt-5", "claude-5"), ("a", "b")


def calls(count: int) -> list[list[Any]]:
    """Make calls as a client's instrumentation tells them."""
    tracer, made = trace.get_tracer("shop"), []
    for number in range(count):
        model, variant, version = MODELS[number % 2], VARIANTS[number // 2 % 2], str(1 + number // 4 % 2)
        response = f"chatcmpl-{os.getpid()}-{number}"
        said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": model}
        with (
            context(prompt=("support", version), experiments={"greeting": variant}),
            tracer.start_as_current_span("handle") as outer,
        ):
            with tracer.start_as_current_span(f"chat {model}", attributes=said) as span:
                span.set_attribute("gen_ai.response.id", response)
            if number % 2:
                of: dict[str, Any] = {"response_id": response} if number % 4 == 1 else {"span": span}
                score("helpful", number % 3 - 1, explanation="ada@example.org said so", **of)
        made.append([response, f"{outer.get_span_context().trace_id:032x}", model, version, variant])
    return made


def feedback(given: list[list[Any]]) -> None:
    """Score calls of another process, half of them in a child of this one."""
    half = len(given) // 2
    child = os.fork()
    for how, of, value in given[:half] if child else given[half:]:
        ids = {"response_id": of} if how == "response" else {"trace_id": of}
        score("thumbs", value, evaluator="person", **ids)
    if not child:
        os._exit(0 if flush(30) and stats()["sent"] == len(given) - half else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    what, address, *more = sys.argv[1:]
    instrument(endpoint=address, service_name="shop" if what == "calls" else "feedback")
    if what == "calls":
        sys.stdout.write(json.dumps(calls(int(more[0]))))
    else:
        feedback(json.load(sys.stdin))
