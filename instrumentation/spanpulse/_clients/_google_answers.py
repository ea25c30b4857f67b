"""The bodies that Google's SDK sends and takes, as the bytes that a call holds.

The SDK keeps them as texts, versions before 1.2x the answers as JSON values; they are bytes before anybody could
change them. What files an application inlines is left out: it is never told, and may be large.
"""

import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from spanpulse._calls._body import Collected
from spanpulse._clients._current import enter, leave
from spanpulse._clients._watcher import Exchange
from spanpulse._log import say_once

__all__ = ["AsyncStream", "Stream", "Vectors", "answered", "asks"]

TOKENS: Final = re.compile(rb'"token_count"\s*:\s*(\d+)')
USAGE: Final = re.compile(rb'"usageMetadata"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})')


class Vectors(Exchange):
    """A call for vectors, of which nothing but the usage is read."""

    __slots__ = ()

    def finish(self) -> None:
        """Tell the span what the vectors cost."""
        if isinstance(self.answer, bytes):
            self.answer = _usage_alone(self.answer)
        super().finish()


class _Watched:
    """What both kinds of streams have in common: all that the SDK's own have."""

    def __init__(self, inner: Any, call: Exchange) -> None:
        self._inner = inner
        self._call = call
        self._collected = call.answer = Collected()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_inner"], name)

    def __del__(self) -> None:
        """End the call of a stream that nobody read to its end."""
        call = self.__dict__.get("_call")
        if call is not None:
            call.end()

    def _note(self, answer: Any) -> None:
        if not self._call.first_ns:
            self._call.first_ns = time.time_ns()
        try:
            self._collected.add(b"data: %b\n\n" % _bytes_of(answer))
        except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
            _say(error)


class Stream(_Watched):
    """Answers of a stream, each handed on as it comes."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            answer = next(self._inner) if self._call.first_ns else self._first()
        except StopIteration:
            self._call.end()
            raise
        except BaseException as error:
            self._call.end(error)
            raise
        self._note(answer)
        return answer

    def _first(self) -> Any:
        """Have the request sent, and return the first answer."""
        entered = enter(self._call)
        try:
            return next(self._inner)
        finally:
            leave(entered)

    def close(self) -> None:
        """Leave the stream."""
        try:
            self._inner.close()
        finally:
            self._call.end()


class AsyncStream(_Watched):
    """The same, asynchronous."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            answer = await self._inner.__anext__()
        except StopAsyncIteration:
            self._call.end()
            raise
        except BaseException as error:
            self._call.end(error)
            raise
        self._note(answer)
        return answer

    async def aclose(self) -> None:
        """Leave the stream."""
        try:
            await self._inner.aclose()
        finally:
            self._call.end()


def asks(call: Exchange, body: Any) -> None:
    """Take note of what a call sends."""
    try:
        call.request = json.dumps(_without_files(body)).encode()
    except Exception as error:  # noqa: BLE001 -- the SDK says itself what it cannot send
        _say(error)


def answered(call: Exchange, answer: Any) -> None:
    """Take note of an answer that came whole, and end the call."""
    try:
        call.answer = _bytes_of(answer)
    except Exception as error:  # noqa: BLE001 -- nothing that is watched may fail because of it
        _say(error)
    call.end()


def _bytes_of(answer: Any) -> bytes:
    body = getattr(answer, "body", answer)
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _without_files(body: dict[str, Any]) -> dict[str, Any]:
    contents = body.get("contents")
    if isinstance(contents, list) and any(map(_has_files, contents)):
        return {**body, "contents": [_lean(each) if _has_files(each) else each for each in contents]}
    return body


def _has_files(content: Any) -> bool:
    return any("inlineData" in part for part in content.get("parts") or ())


def _lean(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "parts": [_named(part) if "inlineData" in part else part for part in content["parts"]]}


def _named(part: dict[str, Any]) -> dict[str, Any]:
    return {"inlineData": {"mimeType": part["inlineData"].get("mimeType")}}


def _usage_alone(answer: bytes) -> bytes:
    """Return an answer's usage: of its own if it has one, else that of each vector."""
    if found := USAGE.search(answer):
        return b'{"usageMetadata": %b}' % found[1]
    counted = sum(map(int, TOKENS.findall(answer)))
    return b'{"usageMetadata": {"promptTokenCount": %d}}' % counted if counted else b""


def _say(error: Exception) -> None:
    say_once(f"bodies of google-genai cannot be read ({type(error).__name__}); its spans lack them", error)
