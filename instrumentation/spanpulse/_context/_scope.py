"""A part of an application's work during which OpenTelemetry's context says something more.

A scope makes its context the current one and puts back the one before. It does so without the tokens of contextvars,
which only work where they were made: a generator may be closed in another thread or task. Guarantee: leaving a scope
never raises, and changes a current context only if that is the scope's own or was made within it; a scope that is
interrupted (a generator that has yielded) goes on with the context that it had. What runs on in tasks and threads
that were begun within a scope keeps what it said.
"""

from types import MappingProxyType
from typing import Any, Final

from opentelemetry.context import Context, attach, create_key, get_current
from opentelemetry.trace import Span, set_span_in_context

from spanpulse._context._baggage import from_baggage, with_baggage
from spanpulse._context._values import Attributes, merged
from spanpulse._state import state

__all__ = ["Scope", "add_here", "attributes_of", "innermost"]

KEY: Final = create_key("spanpulse-scope")
NOTHING: Final[Attributes] = MappingProxyType({})
ADDED: Final = object()
"""Owns what is added to a scope that is under way."""


def attributes_of(context: Context | None = None) -> Attributes:
    """Return the attributes that spans starting in a context, the current one by default, are to have."""
    if context is None:
        context = get_current()
    scope: Any = context.get(KEY)
    told: Attributes = NOTHING if scope is None else scope.attributes
    return {**from_baggage(context), **told} if state().settings.baggage else told


class Scope:
    """Says ``own`` in addition to what is said around it, and has a span as the current one, if one is given."""

    __slots__ = ("_before", "_inside", "_outer", "_own", "_span", "attributes", "owner")

    def __init__(self, own: Attributes = NOTHING, span: Span | None = None, owner: object = None) -> None:
        self.attributes = NOTHING
        """Of this scope and those around it."""
        self.owner = owner
        self._own = own
        self._span = span
        self._before: Context | None = None
        self._inside: Context | None = None
        self._outer: Scope | None = None

    def resume(self) -> None:
        """Make the scope's context the current one."""
        before = get_current()
        found: Any = before.get(KEY)
        self._outer = found
        self._before = before
        if self._inside is None:
            self._inside = self._made(before)
        attach(self._inside)

    def suspend(self) -> None:
        """Put back the context that was before, until the scope is resumed."""
        current = get_current()
        if self._before is not None and (current is self._inside or self._holds(current)):
            self._inside = current
            attach(self._before)
        self._before = self._outer = None

    def leave(self) -> None:
        """Put back the context that was before; what was added within a span goes on around it."""
        found: Any = get_current().get(KEY)
        is_added = self._span is not None and found is not None and found.owner is ADDED and found._outer is self  # noqa: SLF001
        goes_on = is_added and self._outer is not None
        self.suspend()
        self._inside = None  # with the chain of scopes: tasks that begin one another must not hold all that were
        if goes_on:
            add_here(found._own)  # noqa: SLF001 -- of the same class

    def _made(self, before: Context) -> Context:
        outer = NOTHING if self._outer is None else self._outer.attributes
        self.attributes = MappingProxyType(merged(outer, self._own)) if self._own else outer
        made = _with(before, self, self._own)
        return made if self._span is None else set_span_in_context(self._span, made)

    def _holds(self, context: Context) -> bool:
        """Tell whether a context was made within this scope."""
        inner: Any = context.get(KEY)
        while inner is not None and inner is not self:
            inner = inner._outer  # noqa: SLF001 -- of the same class
        return inner is self


def innermost(owner: object) -> Scope | None:
    """Return the innermost scope of an owner around the current work."""
    found: Any = get_current().get(KEY)
    scope: Scope | None = found
    while scope is not None and scope.owner is not owner:
        scope = scope._outer  # noqa: SLF001 -- walks the chain
    return scope


def add_here(told: Attributes) -> bool:
    """Say something more in the scope around the current work, from now on until it is left.

    Returns False where there is no scope: nothing would take it back.
    """
    current = get_current()
    found: Any = current.get(KEY)
    if found is None:
        return False
    if told.items() <= found.attributes.items():
        return True
    is_more = found.owner is ADDED  # additions do not pile up
    added = Scope({**found._own, **told} if is_more else told, owner=ADDED)  # noqa: SLF001
    added.attributes = MappingProxyType(merged(found.attributes, told))
    added._outer = found._outer if is_more else found  # noqa: SLF001
    attach(_with(current, added, told))
    return True


def _with(context: Context, scope: Scope, told: Attributes) -> Context:
    made = Context({**context, KEY: scope})
    return with_baggage(made, told) if told and state().settings.baggage else made
