"""Two services of a sampled application: `front` begins traces, `back` calls a model in those that front passes on.

`python wrapper_sampled_child.py front ADDRESS COUNT` prints the headers that its requests would have, as a JSON list;
`... back ADDRESS` reads them, and makes a call in each: tokens are by the place in the list.
"""

import json
import sys

from opentelemetry import propagate, trace

import spanpulse

__all__ = ["tokens_of"]

ROUND = 2_000  # fewer than the wrapper takes at once


def tokens_of(place: int) -> tuple[int, int]:
    """Return input and output tokens of a call."""
    return 1_000 + place % 97, 100 + place % 53


def front(count: int) -> list[dict[str, str]]:
    """Begin traces."""
    passed = []
    for place in range(count):
        headers: dict[str, str] = {}
        with spanpulse.span("handle"):
            propagate.inject(headers)
        passed.append(headers)
        if place % ROUND == 0:
            spanpulse.flush()
    return passed


def back(passed: list[dict[str, str]]) -> None:
    """Make a call in each trace, as a client's instrumentation tells it."""
    tracer = trace.get_tracer("shop")
    for place, headers in enumerate(passed):
        given, answered = tokens_of(place)
        said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-x"}
        used = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered}
        with tracer.start_as_current_span("chat gpt-x", propagate.extract(headers), attributes=said | used):
            pass
        if place % ROUND == 0:
            spanpulse.flush()


if __name__ == "__main__":
    who, address, *more = sys.argv[1:]
    spanpulse.instrument(endpoint=address, service_name=who)
    if who == "front":
        sys.stdout.write(json.dumps(front(int(more[0]))))
    else:
        back(json.load(sys.stdin))
