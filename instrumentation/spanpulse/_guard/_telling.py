"""The span of a guarded call: what the checks said, as events `gen_ai.evaluation.result`, and what was done about it.

One call, one span `guard NAME`, around what it guards; spans of the guarded call lie within. Each check of a side is
one event: its name, its score (0 where nothing was found), the label "pass", "fail" or "error", the evaluator
`spanpulse.guard.input` or `spanpulse.guard.output` with the check's version, and the model where the call names one;
a stream of spanpulse counts them as scores. What was done is `spanpulse.guard.input.action` and
`spanpulse.guard.output.action`: none, block, mask, fallback, flag. Explanations leave by the policy for content, labels
masked whatever it is, in a thread of ours; other texts never. A call that is blocked has not failed: the status says
what the guarded call raised.
"""

import time
from collections.abc import Sized
from typing import Any, Final

from opentelemetry.trace import INVALID_SPAN, Span, Status, StatusCode

from spanpulse._context import Scope
from spanpulse._export._mask import encodable
from spanpulse._guard._finding import GuardBlocked
from spanpulse._guard._results import Result, Results
from spanpulse._log import say_once
from spanpulse._privacy import Content
from spanpulse._state import state

__all__ = ["Telling"]

EVENT: Final = "gen_ai.evaluation.result"
EACH: Final = 500  # bytes that a result takes, about
LONGEST_NAME: Final = 256  # characters
LONGEST_EXPLANATION: Final = 4_000  # characters that leave
PLACE: Final = 100  # bytes that a place takes, about


class Telling:
    """The span of one guarded call, from its start until it is ended; an `Ending` from then on. Nothing here raises."""

    __slots__ = ("_actions", "_content", "_ended_ns", "_error", "_model", "_results", "_scope", "_span", "_words")

    def __init__(self, name: str, model: Any) -> None:
        self._span: Span = INVALID_SPAN
        self._scope: Scope | None = None
        self._results: list[tuple[Results, int]] = []
        self._actions: dict[str, str] = {}
        self._model = model[:LONGEST_NAME] if isinstance(model, str) else ""
        self._ended_ns = 0
        self._error = ""
        self._content: Content | None = None
        self._words: Content | None = None
        try:
            self._start(name)
        except Exception as error:  # noqa: BLE001 -- a sampler or processor of the application's
            say_once(f"a guard could not start its span ({type(error).__name__})", error)

    def _start(self, name: str) -> None:
        current = state()
        if current.settings.disabled:
            return
        span = current.tracer.start_span(f"guard {name}"[:LONGEST_NAME] if name else "guard")
        if span.get_span_context().is_valid:
            self._span, self._content, self._words = span, current.content, current.words
            self._scope = Scope(span=span)
            self._scope.resume()

    def suspend(self) -> None:
        """Step out of the span for a while."""
        if self._scope is not None:
            self._scope.suspend()

    def resume(self) -> None:
        """Step into it again."""
        if self._scope is not None:
            self._scope.resume()

    def say(self, results: Results, action: str) -> None:
        """Take the results of a side, and what was done."""
        if results.all and self._span.is_recording():
            self._results.append((results, time.time_ns()))
            self._actions[results.side] = action

    def end(self, error: BaseException | None = None) -> None:
        """End the span; the first one who does is heard."""
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.leave()
        if self._ended_ns or self._span is INVALID_SPAN:
            return
        self._ended_ns = time.time_ns()
        if error is not None and not isinstance(error, GuardBlocked | GeneratorExit):
            self._error = type(error).__qualname__
        try:
            state().background.put(self)
        except Exception as problem:  # noqa: BLE001 -- no thread can be started as the interpreter ends
            say_once(f"a guard told its span in the application's own thread ({type(problem).__name__})", problem)
            self.finish()

    def __del__(self) -> None:
        """End the span of a stream that nobody read to its end."""
        if not self._ended_ns and self._span is not INVALID_SPAN:
            self._scope = None  # whoever runs this is somewhere else
            self.end()

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return EACH + sum(map(_size, (each for results, _ in self._results for each in results.all)))

    def forget(self) -> None:
        """Let go of the results."""
        self._results = []

    def finish(self) -> None:
        """Tell the span, and end it whatever happens. May raise what a processor of the application's does."""
        try:
            for side, action in self._actions.items():
                self._span.set_attribute(f"spanpulse.guard.{side}.action", action)
            if self._error:
                self._span.set_attribute("error.type", self._error)
                self._span.set_status(Status(StatusCode.ERROR))
            for results, time_ns in self._results:
                for result in results.all:
                    self._span.add_event(EVENT, self._event(results.side, result), time_ns)
        finally:
            self.forget()
            self._span.end(self._ended_ns)

    def _event(self, side: str, result: Result) -> dict[str, Any]:
        finding = result.finding
        told: dict[str, Any] = {
            "gen_ai.evaluation.name": result.check,
            "gen_ai.evaluation.score.label": result.label,
            "spanpulse.evaluator.name": f"spanpulse.guard.{side}",
            "spanpulse.evaluator.version": result.version,
            "gen_ai.request.model": self._model,
            "error.type": result.error,
        }
        if finding is not None:
            told["gen_ai.evaluation.score.value"] = float(finding.score)
            told["spanpulse.guard.threshold"] = float(finding.threshold)
            if self._words is not None:
                told["spanpulse.guard.label"] = self._words.text(finding.label)[:LONGEST_NAME]
            if self._content is not None:
                told["gen_ai.evaluation.explanation"] = self._content.text(finding.explanation)[:LONGEST_EXPLANATION]
        elif not result.error:
            told["gen_ai.evaluation.score.value"] = 0.0
        said = {key: value for key, value in told.items() if value != ""}
        return {key: encodable(value) if isinstance(value, str) else value for key, value in said.items()}


def _size(result: Result) -> int:
    finding = result.finding
    if finding is None:
        return EACH
    return EACH + len(finding.explanation) + PLACE * (len(finding.spans) if isinstance(finding.spans, Sized) else 0)
