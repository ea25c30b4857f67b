"""Lays the steps of a request out in time, and knows how calls of models take long and fail.

Failures of the ordinary day are rare and pass at the second attempt. In the slow hour the slow model takes several
times as long and some of its calls time out; while the tool fails, agents that retry run into a rate limit.
"""

from dataclasses import replace
from typing import Final

from spanpulse_stream.traffic.day._cast import EMBEDDER, OUTSIDE_TOOLS
from spanpulse_stream.traffic.day._draw import Dice
from spanpulse_stream.traffic.day._request import Call, Failure, Kind, Request, Step
from spanpulse_stream.traffic.day._story import FAILING, SLOW, SLOW_MODEL, TOOL

__all__ = ["TIMEOUT", "UNREACHABLE", "Timeline"]

MS: Final = 1_000_000
ATTEMPTS: Final = 2
TIMEOUT_MS: Final = 30_000
TIMES_SLOWER: Final = 4.5
SHARE_TIMED_OUT: Final = 0.14
SHARE_LIMITED: Final = 0.22
SHARE_FAILED: Final = 0.005
SHARE_UNREACHABLE: Final = 0.85

TIMEOUT: Final = Failure("APITimeoutError", "Request timed out.")
LIMITED: Final = Failure("RateLimitError", "Error code: 429 - This request would exceed your organization's rate limit")
BROKEN: Final = Failure("InternalServerError", "Error code: 500 - The server had an error while processing the request")
UNREACHABLE: Final = Failure(
    "ConnectTimeout", "could not connect to orders-db.internal:5432 within 3 s (3 addresses tried)"
)


class Timeline:
    """The steps of one request; ``now`` moves on as they are added."""

    def __init__(self, request: Request, start: int) -> None:
        self.request = request
        self.dice: Dice = request.dice
        self.now = start

    def open(self, kind: Kind, name: str, parent: int = -1) -> Step:
        """Begin a step that has others below it; `close` ends it."""
        step = Step(len(self.request.steps), parent, kind, name, self.now, self.now)
        self.request.steps.append(step)
        return step

    def close(self, step: Step, failure: Failure | None = None) -> None:
        """End a step a little after what it waited for."""
        self.now += self.dice.around(1.5, 0.4)
        step.end, step.failure = self.now, failure

    def wait(self, typical_ms: float, spread: float = 0.5) -> None:
        """Let time pass."""
        self.now += self.dice.around(typical_ms, spread)

    def add(self, kind: Kind, name: str, parent: int, duration: int) -> Step:
        """Add a step without others below it that takes ``duration`` ns."""
        step = self.open(kind, name, parent)
        self.now += duration
        step.end = self.now
        return step

    def embed(self, parent: int, tokens: int) -> None:
        """Call the embedding model."""
        duration = self.dice.around(EMBEDDER.first_token_ms + tokens * EMBEDDER.input_us / 1000, 0.3)
        self.add("embedding", f"embeddings {EMBEDDER.name}", parent, duration).call = Call(
            EMBEDDER, input_tokens=tokens
        )

    def use(self, parent: int, tool: str) -> bool:
        """Use a tool, and tell whether it worked."""
        failed = tool == TOOL and FAILING.holds(self.now) and self.dice.chance(SHARE_UNREACHABLE)
        duration = self.dice.around(3_000, 0.02) if failed else self.dice.around(OUTSIDE_TOOLS.get(tool, 30), 0.5)
        self.add("tool", f"execute_tool {tool}", parent, duration).failure = UNREACHABLE if failed else None
        return not failed

    def ask(self, parent: int, call: Call) -> Failure | None:
        """Call a language model, again when it fails. Return the last failure if no attempt went well."""
        failure = None
        for attempt in range(ATTEMPTS):
            if attempt:
                self.wait(400)
            failure, after = self._failure(call)
            if failure is None:
                self._answered(parent, call)
                return None
            step = self.add("llm", f"chat {call.model.name}", parent, after)
            step.call, step.failure = replace(call, reports=False, first_token=None), failure
        return failure

    def _answered(self, parent: int, call: Call) -> None:
        model, slower = call.model, TIMES_SLOWER if _is_slow(call, self.now) else 1.0
        typical = model.first_token_ms + call.input_tokens * model.input_us / 1000
        first = min(self.dice.around(typical * slower, 0.25), TIMEOUT_MS * MS // 2)
        rest = min(self.dice.around(call.output_tokens * model.output_ms * slower, 0.15), TIMEOUT_MS * MS // 2)
        step = self.add("llm", f"chat {model.name}", parent, first + rest)
        step.call = replace(call, first_token=None if call.first_token is None else first)

    def _failure(self, call: Call) -> tuple[Failure | None, int]:
        """Return how an attempt fails and after how many ns, if it does."""
        if _is_slow(call, self.now) and self.dice.chance(SHARE_TIMED_OUT):
            return TIMEOUT, TIMEOUT_MS * MS + self.dice.around(5, 0.5)
        retried = self.request.flow == "support" and len(self.request.steps) > 5 and FAILING.holds(self.now)
        if retried and call.model is SLOW_MODEL and self.dice.chance(SHARE_LIMITED):
            return LIMITED, self.dice.around(180, 0.3)
        if self.dice.chance(SHARE_FAILED):
            return (LIMITED, BROKEN)[self.dice.randrange(2)], self.dice.around(700, 0.6)
        return None, 0


def _is_slow(call: Call, moment: int) -> bool:
    return call.model is SLOW_MODEL and SLOW.holds(moment)
