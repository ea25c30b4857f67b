"""Which call a score is of, by whatever an application has of it, and what is known of that call.

Guarantee: an id is taken only if it can be one. Attributes of a span are read late, in a thread of ours: a call of a
model is told its response id only after it is over. Not guaranteed: anything about calls of other processes, or of long
ago; the stream looks up what they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import hexdigits
from typing import Any, Final

from opentelemetry.trace import get_current_span

from spanpulse._context import attributes_of
from spanpulse._context._values import is_sound
from spanpulse._log import say_once
from spanpulse._recent import RESPONSE_ID, called, recall

__all__ = ["Scored", "Unfit", "find_scored"]

TRACE_BITS: Final = 128
SPAN_BITS: Final = 64
HEX: Final = frozenset(hexdigits)


class Unfit(ValueError):  # noqa: N818 -- named by what the score is
    """A score that cannot be sent; the message says why, without its values."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A call; ids are 0 and '' where they are not known."""

    trace_id: int = 0
    span_id: int = 0
    trace_flags: int = 0
    response_id: str = ""
    span: Any = None
    """The call's span, or that of a step around it, if this process has it."""
    around: Mapping[str, Any] = field(default_factory=dict)
    """What the context says, where nothing else names the call."""

    def known(self) -> dict[str, Any]:
        """Return attributes of the call that sums can be made by."""
        told = {
            **called(self.around),
            **recall(self.response_id),
            **called(getattr(self.span, "attributes", None) or {}),
        }
        return told | ({RESPONSE_ID: self.response_id} if self.response_id else {})


def find_scored(span: Any, response_id: Any, trace_id: Any, span_id: Any) -> Scored:
    """Return the call that is named, or else the one that the current span is of. Raises Unfit."""
    response = _response(response_id)
    if trace_id is not None:
        return Scored(_id(trace_id, TRACE_BITS, "trace_id"), _span_id(span_id), response_id=response, span=span)
    if span_id is not None:
        raise Unfit("a score is not sent: span_id needs a trace_id beside it")
    if span is not None:
        return _of_span(span, response)
    return Scored(response_id=response) if response else _of_current()


def _of_span(span: Any, response: str, around: Mapping[str, Any] | None = None) -> Scored:
    context, found = _context(span)
    trace_id, span_id = _bounded(context.trace_id, TRACE_BITS), _bounded(context.span_id, SPAN_BITS)
    if not (trace_id and span_id) and not response:
        say_once("a score is of no call: nothing is traced where it is given, and no id is")
    if not (trace_id and span_id):
        return Scored(response_id=response, around=around or {})
    return Scored(trace_id, span_id, int(getattr(context, "trace_flags", 0)), response, found, around or {})


def _of_current() -> Scored:
    return _of_span(get_current_span(), "", attributes_of())


def _context(span: Any) -> tuple[Any, Any]:
    """Return the SpanContext and the span, None where there is only a context."""
    for each in (getattr(span, "span", None), span):  # what has a span may have its context too
        get = getattr(each, "get_span_context", None)
        if callable(get):
            return get(), each
        if isinstance(getattr(each, "trace_id", None), int) and isinstance(getattr(each, "span_id", None), int):
            return each, None
    raise Unfit("a score is not sent: span has to be a span, the context of one, or a step of spanpulse.span")


def _response(given: Any) -> str:
    if given is None or given == "":
        return ""
    if not isinstance(given, str) or not is_sound(given):
        raise Unfit("a score is not sent: response_id has to be a text, the id that the provider gave")
    return given


def _span_id(given: Any) -> int:
    return 0 if given is None else _id(given, SPAN_BITS, "span_id")


def _id(given: Any, bits: int, what: str) -> int:
    """Return an id that is given as an integer or in hexadecimal."""
    number = given if isinstance(given, int) and not isinstance(given, bool) else 0
    if isinstance(given, str) and len(given) == bits // 4 and HEX.issuperset(given):
        number = int(given, 16)
    if not _bounded(number, bits):
        raise Unfit(f"a score is not sent: {what} has to be {bits // 4} hexadecimal digits, or the integer")
    return int(number)


def _bounded(number: int, bits: int) -> int:
    return number if 0 < number < 1 << bits else 0
