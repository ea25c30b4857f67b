"""One call of a model, from its start until it is told: what the application's thread leaves for a thread of ours.

The application's thread starts a span, and at the end puts down times and references to bytes, nothing else; whoever
finishes the call reads the bytes. Guarantee: a call ends once, whoever says so first. Bytes, not objects, are held: an
application may change its messages at once, and its answer may be freed.
"""

import time
from typing import Final, Protocol

from opentelemetry.trace import Span

from spanpulse._calls._body import Collected
from spanpulse._log import say_once
from spanpulse._shapes import Shape

__all__ = ["Call", "Teller"]

LONGEST_ERROR: Final = 500  # characters


class Teller(Protocol):
    """Who hears of calls that have ended, and tells their spans."""

    def ended(self, call: "Call") -> None:
        """Take a call that has ended, in whatever thread that happens; must not wait."""

    def tell(self, call: "Call") -> None:
        """Set the attributes of a call that has ended. May raise for what cannot be read."""


class Call:
    """A call that has begun."""

    __slots__ = (
        "answer",
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
        self.started_ns = time.time_ns()
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

    def end(self, error: BaseException | None = None) -> None:
        """Say that the call is over; the first one who does is heard."""
        if self.ended_ns:
            return
        self.ended_ns = time.time_ns()
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
