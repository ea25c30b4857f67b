"""`spanpulse.span`: one step of an application, as a span.

What a step is told is frozen at once, in the application's thread, and masked, written and set on the span by a thread
of ours, which then ends it with the time at which the step ended: no processor sees what is not masked. Guarantee:
nothing here raises but what the application's own block raises; a step that is not recorded costs next to nothing;
without content no texts are kept. Not guaranteed: that a step says anything after its end.
"""

import time
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry.trace import INVALID_SPAN, Span, SpanContext, format_span_id, format_trace_id

from spanpulse._context import Scope, tag_of
from spanpulse._log import say_once
from spanpulse._state import state
from spanpulse._steps._documents import documents_from
from spanpulse._steps._freeze import freeze
from spanpulse._steps._kinds import Form, Kind, is_content, kind_of
from spanpulse._steps._said import Said

__all__ = ["Step", "span"]

LONGEST_NAME: Final = 256  # characters


def span(name: str, *, kind: str = "task", id: str | None = None) -> "Step":  # noqa: A002 -- the conventions' word
    """Return a step, for `with` or `async with`: its span lasts as long as the block, and is the current one there.

    ``kind`` is "retrieval", "tool", "agent", "workflow" or "task"; ``id`` is that of the retrieval's data source, the
    tool's call or the agent. Raises nothing: an unknown kind is a task.
    """
    return Step(kind_of(kind), _word(name) or "step", _word(id))


def _word(value: Any) -> str:
    return str(value)[:LONGEST_NAME] if isinstance(value, str | int) else ""


class Step:
    """A step, as `spanpulse.span` makes it.

    Its methods take what it is about, from the start of its block until its end; none of them raises.
    """

    __slots__ = ("__weakref__", "_ident", "_kind", "_name", "_said", "_scope", "span")

    def __init__(self, kind: Kind, name: str, ident: str = "") -> None:
        self.span: Span = INVALID_SPAN
        """The span, from the start on."""
        self._kind = kind
        self._name = name
        self._ident = ident
        self._said: Said | None = None  # while the span records
        self._scope: Scope | None = None  # while the step lasts

    @property
    def id(self) -> str:
        """The span's id, 16 hex digits; zeros where there is no span."""
        return format_span_id(self.span.get_span_context().span_id)

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hex digits."""
        return format_trace_id(self.span.get_span_context().trace_id)

    def get_span_context(self) -> SpanContext:
        """Return the span's context, as a span does."""
        return self.span.get_span_context()

    @property
    def keeps_content(self) -> bool:
        """Whether texts that are told now are kept."""
        return self._said is not None and self._said.content is not None

    def query(self, text: str, top_k: int | None = None) -> None:
        """Tell what a retrieval looks for, and how many documents it wants at most."""
        self._tell("gen_ai.retrieval.query.text", Form.TEXT, text)
        self.set("gen_ai.retrieval.top_k", top_k)

    def documents(self, found: Any) -> None:
        """Tell what a retrieval found: texts, dicts, objects of frameworks, or pairs of one of these and a score."""
        if self._said is None or self._said.content is None:
            return
        try:
            documents, size = documents_from(found)
        except Exception as error:  # noqa: BLE001 -- objects of a framework's
            say_once(f"documents of a retrieval could not be read ({type(error).__name__})", error)
            return
        self._said.say("gen_ai.retrieval.documents", Form.JSON, documents, size)

    def input(self, value: Any) -> None:
        """Tell what goes in: a tool's arguments, a retrieval's query, else a text, messages or any value."""
        self._tell(*self._kind.input, value)

    def output(self, value: Any) -> None:
        """Tell what comes out: a tool's result, a retrieval's documents, else a text, messages or any value."""
        if self._kind.name == "retrieval":
            self.documents(value)
        else:
            self._tell(*self._kind.output, value)

    def set(self, key: str, value: Any) -> None:
        """Set an attribute: a text, number, boolean, or a list of these; anything else as JSON. Texts are masked."""
        if not isinstance(key, str) or not key:
            say_once("an attribute of a step is left out: its name has to be a text")
        else:
            self._tell(key[:LONGEST_NAME], Form.WORD, value)

    def tag(self, name: str, value: str | float | bool) -> None:
        """Put a tag on this span alone."""
        for key, text in tag_of(name, value).items():
            self.set(key, text)

    def __enter__(self) -> Self:
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 -- a sampler or processor of the application's
            say_once(f"a step could not be started ({type(error).__name__})", error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)

    def suspend(self) -> None:
        """Step out of the span for a while, as a generator does that yields."""
        if self._scope is not None:
            self._scope.suspend()

    def resume(self) -> None:
        """Step into it again."""
        if self._scope is not None:
            self._scope.resume()

    def close(self, error: BaseException | None = None) -> None:
        """End the step, with what went wrong in it; the first one who does is heard."""
        ended_ns = time.time_ns()
        scope, self._scope = self._scope, None
        said, self._said = self._said, None
        if scope is not None:
            scope.leave()
        if said is None:
            return
        said.end(ended_ns, error)
        try:
            state().background.put(said)
        except Exception as problem:  # noqa: BLE001 -- no thread can be started as the interpreter ends
            say_once(f"a step was told in the application's own thread ({type(problem).__name__})", problem)
            said.finish()

    def _start(self) -> None:
        current, kind = state(), self._kind
        if self.span is not INVALID_SPAN:
            say_once("a step can be entered once")
            return
        if current.settings.disabled:
            return
        made = current.tracer.start_span(
            kind.span_name(self._name, self._ident),
            kind=kind.span_kind,
            attributes=kind.told(self._name, self._ident),
        )
        if made.get_span_context().is_valid:
            self.span = made
            self._said = Said(made, current.content, current.words) if made.is_recording() else None
            self._scope = Scope(span=made)
            self._scope.resume()

    def _tell(self, key: str, form: Form, value: Any) -> None:
        """Take a value as it is now; what is content only if that is kept."""
        said = self._said
        if (
            said is None
            or value is None
            or (said.content is None and (form is not Form.WORD or is_content(key, value)))
        ):
            return
        said.say(key, form, *freeze(value))
