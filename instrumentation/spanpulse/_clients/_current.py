"""The call that is under way in a thread or task: SDKs that lie on one another make one span a call, not two.

Guarantee: leaving never raises, and undoes what entering did wherever that is possible: a coroutine that the
collector closes leaves in another context than it entered, where nothing has to be undone.
"""

from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry.trace import set_span_in_context

from spanpulse._calls import Call

__all__ = ["enter", "leave", "suppressed", "under_way"]

_current: ContextVar[Call | None] = ContextVar("spanpulse_call", default=None)
OLD_KEY: Final = "suppress_instrumentation"
KEY: Final = getattr(otel, "_SUPPRESS_INSTRUMENTATION_KEY", OLD_KEY)


def under_way() -> Call | None:
    """Return the call that this code runs for; None once it has ended, for its context may live on in other tasks."""
    call = _current.get()
    return call if call is not None and not call.ended_ns else None


def suppressed() -> bool:
    """Tell whether somebody asked for no spans here."""
    values = otel.get_current()
    return bool(values.get(KEY) or values.get(OLD_KEY))


def enter(call: Call) -> tuple[Token[Call | None], Any]:
    """Make a call the one under way, and its span the current one; return what `leave` takes."""
    return _current.set(call), otel.attach(set_span_in_context(call.span))


def leave(entered: tuple[Token[Call | None], Any]) -> None:
    """Undo `enter`."""
    call, context = entered
    try:
        _current.reset(call)
    except ValueError:
        return
    otel.detach(context)
