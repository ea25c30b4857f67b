"""What was said of a step, until a thread of ours tells it: the end of its span."""

from typing import Final

from opentelemetry.trace import Span, Status, StatusCode

from spanpulse._log import say_once
from spanpulse._privacy import Content
from spanpulse._steps._freeze import Frozen
from spanpulse._steps._kinds import Form
from spanpulse._steps._tell import attribute_of, error_words

__all__ = ["Said"]

MOST: Final = 100  # attributes
LONGEST: Final = 1_000  # characters of an error's words that are kept; fewer leave


class Said:
    """An `Ending` of a span that records. Without ``content`` only what the application sets leaves, by ``words``."""

    __slots__ = ("_ended_ns", "_error", "_is_over", "_said", "_span", "_words", "content", "size")

    def __init__(self, span: Span, content: Content | None, words: Content) -> None:
        self.content = content
        self.size = 0
        """Bytes that it holds, about."""
        self._span = span
        self._words = words
        self._said: dict[str, tuple[Form, Frozen]] = {}
        self._error: tuple[str, str] | None = None
        self._ended_ns = 0
        self._is_over = False

    def say(self, key: str, form: Form, value: Frozen, size: int) -> None:
        """Take a value of an attribute; the last one of a key counts."""
        if key not in self._said and len(self._said) >= MOST:
            say_once(f"a step has more than {MOST} attributes; the rest is left out")
            return
        self._said[key] = (form, value)
        self.size += size

    def end(self, ended_ns: int, error: BaseException | None) -> None:
        """Take the time of the end and what went wrong, if anything did."""
        self._ended_ns = ended_ns
        if error is not None and not _is_end(error):
            self._error = (type(error).__qualname__, "" if self.content is None else _words(error))

    def forget(self) -> None:
        """Let go of what was said; its times and its error stay."""
        self._said, self.size = {}, 0

    def finish(self) -> None:
        """Tell the span, and end it whatever happens; once. Raises nothing: what cannot be told is left out."""
        if self._is_over:
            return
        self._is_over = True
        try:
            self._tell()
        except Exception as error:  # noqa: BLE001 -- a mask or a provider of the application's
            say_once(f"a step could not be told ({type(error).__name__})", error)
        self.forget()
        self._span.end(self._ended_ns)

    def _tell(self) -> None:
        if self._error is not None:
            kind, words = self._error
            self._span.set_attribute("error.type", kind)
            self._span.set_status(Status(StatusCode.ERROR, error_words(words, self.content)))
        for key, (form, value) in self._said.items():
            self._span.set_attribute(key, attribute_of(form, value, self.content or self._words))


def _is_end(error: BaseException) -> bool:
    """Tell whether what left a step is no failure: a generator that is closed early, a program that ends well."""
    if isinstance(error, SystemExit):
        return error.code is None or (type(error.code) is int and not error.code)
    return isinstance(error, GeneratorExit)


def _words(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST]
    except Exception:  # noqa: BLE001 -- the application's own
        return ""
