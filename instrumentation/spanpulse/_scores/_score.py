"""`spanpulse.score`: one score of one call, as OpenTelemetry's event `gen_ai.evaluation.result`.

Guarantee: it never raises and never waits; the explanation is content, which the policy masks, cuts or leaves out in a
thread of ours. What cannot be a score (a value that is NaN, infinite or no number, an id that can be none) is said once
and counted among the dropped events as `invalid_score`. Not guaranteed: that a call with the ids exists.
"""

import math
import time
from typing import Any, Final

from spanpulse._context._values import is_sound
from spanpulse._events import Event
from spanpulse._log import say_once
from spanpulse._scores._give import give
from spanpulse._scores._scored import Scored, Unfit, find_scored
from spanpulse._state import State, state

__all__ = ["score"]

EVENT: Final = "gen_ai.evaluation.result"
NAME: Final = "gen_ai.evaluation.name"
VALUE: Final = "gen_ai.evaluation.score.value"
LABEL: Final = "gen_ai.evaluation.score.label"
EXPLANATION: Final = "gen_ai.evaluation.explanation"
EVALUATOR: Final = ("spanpulse.evaluator.name", "spanpulse.evaluator.version")
FIXED_BYTES: Final = 500  # that a score without an explanation takes, about


def score(
    name: str,
    value: float | None = None,
    *,
    span: Any = None,
    label: str | None = None,
    explanation: str | None = None,
    evaluator: str | tuple[str, str | int] | None = None,
    response_id: str | None = None,
    trace_id: str | int | None = None,
    span_id: str | int | None = None,
) -> None:
    """Say what an answer is worth: ``spanpulse.score("thumbs", 1)``.

    ``value`` is a number, True and False are 1 and 0; ``label`` is the verdict in words; one of them is needed.
    ``explanation`` is content, as prompts are, and what is masked in prompts is masked in ``label`` too. ``evaluator``
    is who scores: a name, or (name, version).

    Which call: ``span`` is a span of OpenTelemetry, running or over, its SpanContext, or a step of `spanpulse.span`;
    ``response_id`` is the id in the provider's answer (`chatcmpl-...`), ``trace_id`` (with ``span_id`` or without) that
    of a trace, in hexadecimal or as an integer: these also work later and from another process. Without any of them it
    is of the current span, in the current `spanpulse.context`. Raises nothing.
    """
    current: State | None = None
    try:
        current = state()
        if current.settings.disabled:
            return
        scored = find_scored(span, response_id, trace_id, span_id)
        current.background.put(_Score(current, scored, _attributes(name, value, label, evaluator), explanation))
    except Unfit as error:
        _refuse(current, str(error))
    except Exception as error:  # noqa: BLE001 -- whatever was passed, the application goes on
        _refuse(current, f"a score is not sent: it cannot be read ({type(error).__name__})")


class _Score:
    """A score that is on its way."""

    __slots__ = ("_attributes", "_explanation", "_scored", "_state", "_time_ns")

    def __init__(self, current: State, scored: Scored, attributes: dict[str, Any], explanation: Any) -> None:
        self._state = current
        self._scored = scored
        self._attributes = attributes
        self._explanation = explanation if isinstance(explanation, str) else None
        self._time_ns = time.time_ns()
        if explanation is not None and self._explanation is None:
            say_once("the explanation of a score is left out: it is no text")

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return FIXED_BYTES + len(self._explanation or "")

    def forget(self) -> None:
        """Let go of the explanation."""
        self._explanation = None

    def finish(self) -> None:
        """Make the event and hand it on. May raise what the application's logger provider does."""
        scored, told = self._scored, {**self._scored.known(), **self._attributes}
        if LABEL in told:  # judges that are models write sentences
            told[LABEL] = self._state.words.text(told[LABEL])
        if self._explanation and self._state.content is not None:
            told[EXPLANATION] = self._state.content.text(self._explanation)
        give(
            Event(EVENT, self._time_ns, told, scored.trace_id, scored.span_id, scored.trace_flags),
            self._state,
        )


def _attributes(name: Any, value: Any, label: Any, evaluator: Any) -> dict[str, Any]:
    """Return what is said of the score itself. Raises Unfit."""
    if not isinstance(name, str) or not name or not is_sound(name):
        raise Unfit("a score is not sent: its name has to be a short text")
    told: dict[str, Any] = {NAME: name}
    if value is not None:
        told[VALUE] = _number(value)
    _add(told, LABEL, label, "label")
    pair = evaluator if isinstance(evaluator, tuple) else (evaluator,)
    for key, each in zip(EVALUATOR, pair, strict=False):
        _add(told, key, each, "evaluator")
    if VALUE not in told and LABEL not in told:
        raise Unfit("a score is not sent: it has neither a value nor a label")
    return told


def _number(value: Any) -> float:
    """Return a finite number, of whatever type it is. Raises Unfit."""
    try:
        number = math.nan if isinstance(value, str | bytes | bytearray) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Unfit("a score is not sent: its value has to be a finite number")
    return number


def _add(told: dict[str, Any], key: str, given: Any, what: str) -> None:
    if given is None or given == "":
        return
    text = str(given) if isinstance(given, str | int | float) else ""
    if text and is_sound(text):
        told[key] = text
    else:
        say_once(f"the {what} of a score is left out: it has to be a short text")


def _refuse(current: State | None, why: str) -> None:
    """Say why a score is not sent, and count it where events are counted."""
    say_once(why)
    if current is not None and current.exporter is not None:
        current.exporter.stats.take("logs", 1)
        current.exporter.stats.drop("logs", 1, "invalid_score")
