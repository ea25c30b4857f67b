"""Calls through litellm, and its streams, which are watched where they are: by the methods of their classes.

Guarantee: what an application gets is litellm's own object, and it is not held; streams that are closed, dropped or
cancelled end their calls.
"""

import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.trace import Span

from spanpulse._calls import Call, Teller
from spanpulse._clients._current import enter, leave
from spanpulse._clients._litellm_said import chunk_of, event_of, usage_among, usage_in
from spanpulse._log import say_once
from spanpulse._shapes import RESPONSES, Json, Shape

__all__ = ["Spoken", "Streams"]

MOST_HELD: Final = 1 << 20  # characters of one answer
OVERHEAD: Final = 200  # bytes that an event takes beside its text


class Spoken(Call):
    """A call whose answer is put down piece by piece; a thread of ours makes one of them."""

    __slots__ = ("held", "pieces", "provider_is_known", "usage")

    def __init__(self, span: Span, shape: Shape, teller: Teller) -> None:
        super().__init__(span, shape, teller)
        self.pieces: list[Json] = []
        self.usage: Json = {}
        self.held = 0
        self.provider_is_known = False

    def add(self, piece: Json, size: int) -> None:
        """Hold a piece, if there is room."""
        if self.held < MOST_HELD:
            self.pieces.append(piece)
            self.held += size + OVERHEAD

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.request) + self.held

    def forget(self) -> None:
        """Let go of what was said; its usage stays."""
        super().forget()
        self.pieces, self.held = [], 0

    def finish(self) -> None:
        """Tell the span what the pieces amount to."""
        said = self.shape.join(self.pieces) if self.is_stream else self.pieces[0] if self.pieces else {}
        if self.usage:
            said["usage"] = self.usage
        self.answer = json.dumps(said).encode()
        super().finish()


class _Followed:
    """What is known of a stream that is being read; it goes when the stream does, and the call ends then."""

    __slots__ = ("busy", "call", "chunks")

    def __init__(self, call: Spoken, chunks: list[Any] | None) -> None:
        self.call = call
        self.chunks = chunks
        """Those that litellm keeps, with the usage that it takes from what it hands on; None where it keeps none."""
        self.busy = False

    def __del__(self) -> None:
        self.end()

    def note(self, chunk: Any) -> None:
        call = self.call
        if not call.first_ns:
            call.first_ns = time.time_ns()
        try:
            piece = event_of(chunk) if call.shape.join is RESPONSES.join else chunk_of(chunk)
            call.add(piece, _length(piece))
            if self.chunks is None:
                call.usage = usage_in(chunk) or call.usage
        except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
            say_once(f"a chunk of litellm cannot be read ({type(error).__name__}); its span lacks it", error)

    def end(self, error: BaseException | None = None) -> None:
        if self.call.ended_ns:
            return
        try:
            self.call.usage = self.call.usage or usage_among(self.chunks or ())
        except Exception as unread:  # noqa: BLE001 -- see above
            say_once(f"usage of litellm's streams cannot be read ({type(unread).__name__})", unread)
        self.chunks = None
        self.call.end(error)


class Streams:
    """The streams of litellm that are being read."""

    def __init__(self) -> None:
        self._followed: WeakKeyDictionary[Any, _Followed] = WeakKeyDictionary()
        self._wrapped: dict[tuple[type, str], Callable[..., Any]] = {}

    def follow(self, stream: Any, call: Spoken) -> None:
        """Watch a stream until it ends. Raises TypeError for one whose class cannot be watched."""
        kind = type(stream)
        for name, wrapper in (("__next__", _next), ("__anext__", _anext), ("close", _close), ("aclose", _aclose)):
            owner = next((base for base in kind.__mro__ if name in base.__dict__), None)
            if owner is not None and (owner, name) not in self._wrapped:
                wrapped = wrapper(owner.__dict__[name], self._followed)
                setattr(owner, name, wrapped)
                self._wrapped[owner, name] = wrapped
        self._followed[stream] = _Followed(call, getattr(stream, "chunks", None))

    def undo(self) -> None:
        """Take back what was done to classes; streams that are still read end their calls when they are dropped."""
        for (owner, name), wrapped in self._wrapped.items():
            if owner.__dict__.get(name) is wrapped:
                setattr(owner, name, wrapped.__wrapped__)
        self._wrapped.clear()


_Known = WeakKeyDictionary[Any, _Followed]


def _next(inner: Callable[[Any], Any], known: _Known) -> Callable[[Any], Any]:
    @wraps(inner)
    def following(self: Any) -> Any:
        followed = known.get(self)
        if followed is None or followed.busy:  # a class that asks the one that it derives from
            return inner(self)
        followed.busy = True
        entered = None if followed.call.first_ns else enter(followed.call)  # some are asked for when they are read
        try:
            chunk = inner(self)
        except StopIteration:
            followed.end()
            raise
        except BaseException as error:
            followed.end(error)
            raise
        finally:
            followed.busy = False
            if entered is not None:
                leave(entered)
        followed.note(chunk)
        return chunk

    return following


def _anext(inner: Callable[[Any], Any], known: _Known) -> Callable[[Any], Any]:
    @wraps(inner)
    async def following(self: Any) -> Any:
        followed = known.get(self)
        if followed is None or followed.busy:
            return await inner(self)
        followed.busy = True
        entered = None if followed.call.first_ns else enter(followed.call)
        try:
            chunk = await inner(self)
        except StopAsyncIteration:
            followed.end()
            raise
        except BaseException as error:
            followed.end(error)
            raise
        finally:
            followed.busy = False
            if entered is not None:
                leave(entered)
        followed.note(chunk)
        return chunk

    return following


def _close(inner: Callable[[Any], Any], known: _Known) -> Callable[[Any], Any]:
    @wraps(inner)
    def closing(self: Any) -> Any:
        try:
            return inner(self)
        finally:
            if (followed := known.get(self)) is not None:
                followed.end()

    return closing


def _aclose(inner: Callable[[Any], Any], known: _Known) -> Callable[[Any], Any]:
    @wraps(inner)
    async def closing(self: Any) -> Any:
        try:
            return await inner(self)
        finally:
            if (followed := known.get(self)) is not None:
                followed.end()

    return closing


def _length(piece: Json) -> int:
    delta = piece.get("delta")
    if isinstance(delta, str):
        return len(delta)
    return sum(len(each.get("delta", {}).get("content") or each.get("text") or "") for each in piece.get("choices", ()))
