"""One call of a model, from its start until it is told: what the application's thread leaves for a thread of ours.

The application's thread starts a span, and at the end puts down times and references to bytes, nothing else; whoever
finishes the call reads the bytes. Guarantee: a call ends once, whoever says so first, in the process that began it: in
a child that was forked meanwhile it is still the parent's. Bytes, not objects, are held: an application may change its
messages at once, and its answer may be freed.
"""

import os
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from opentelemetry.trace import Span

from spanpulse._calls._body import Collected
from spanpulse._log import say_once
from spanpulse._shapes import Shape

__all__ = ["Call", "Teller"]

LONGEST_ERROR: Final = 10_000  # characters; what leaves is cut once it is masked, for half a number is not found


class Teller(Protocol):
    """Who hears of calls that have ended, and tells their spans."""

    def ended(self, call: "Call") -> None:
        """Take a call that has ended, in whatever thread that happens; must not wait."""

    def tell(self, call: "Call") -> None:
        """Set the attributes of a call that has ended. May raise for what cannot be read."""


class Call:
    """A call that has begun."""

    __slots__ = (
        "_open",
        "_process",
        "answer",
        "began",
        "encoding",
        "ended_ns",
        "error",
        "first_ns",
        "is_stream",
        "request",
        "shape",
        "span",
        "started_ns",
        "teller",
        "usage_only",
        "words",
    )

    def __init__(self, span: Span, shape: Shape, teller: Teller) -> None:
        self.span = span
        self.shape = shape
        self.teller = teller
        self.began: Mapping[str, Any] = {}
        """What the span began with; one that is not sampled does not say."""
        # Readers of the span count the time to the first chunk from the span's own start.
        began = getattr(span, "start_time", None)
        self.started_ns: int = began if isinstance(began, int) and began else time.time_ns()
        self.first_ns = 0
        """When the first bytes of a stream came, ns; 0 before that."""
        self.ended_ns = 0
        self.request = b""
        self.answer: bytes | Collected = b""
        self.encoding = ""
        self.is_stream = False
        self.usage_only = False
        """Whether the answer is vectors, of which nothing but the usage is read."""
        self.error = ""
        """The type of what was raised. Not the error itself: it holds the response, and the application's frames."""
        self.words = ""
        self._open = [True]  # taken by who ends it: of two threads one
        self._process = os.getpid()

    def end(self, error: BaseException | None = None) -> None:
        """Say that the call is over; the first one who does is heard."""
        try:
            self._open.pop()
        except IndexError:
            return
        self.ended_ns = time.time_ns()
        if self._process != os.getpid():
            return
        if error is not None:
            self.error, self.words = type(error).__qualname__, _words(error)
        try:
            self.teller.ended(self)
        except Exception as failure:  # noqa: BLE001 -- such as a thread that cannot be started any more
            say_once(f"calls cannot be told ({type(failure).__name__})", failure)

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        answer = self.answer
        return len(self.request) + (answer.size if isinstance(answer, Collected) else len(answer))

    def forget(self) -> None:
        """Let go of what was said; its times and its error stay."""
        self.request, self.answer = b"", b""

    def finish(self) -> None:
        """Tell the span, and end it whatever happens. Raises what telling does."""
        try:
            self.teller.tell(self)
        finally:
            self.span.end(self.ended_ns)


def _words(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST_ERROR]
    except Exception:  # noqa: BLE001 -- an error that cannot say what it is
        return ""
