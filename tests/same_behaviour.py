"""Everything that an application can see of a call, as values that can be compared: with and without the wrapper.

Recorded are results, chunks in their order, errors with their causes and arguments, attributes, what pickling makes of
them, and the requests that a server saw. Left out is what differs between any two calls: times, and keys of requests.
"""

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from providers.said import Asked
from wrapper_driving import entered, got

__all__ = ["WAYS", "Recording", "requests_of"]

RANDOM_HEADERS = {"idempotency-key"}


class Recording:
    """What one application saw. ``stop``: after how many chunks it leaves; ``leave``: how."""

    def __init__(self, stop: int | None, leave: str) -> None:
        self.seen: list[Any] = []
        self._stop = stop
        self._leave = leave

    async def of(self, way: Callable[["Recording", Any, dict[str, Any]], Awaitable[None]], *given: Any) -> list[Any]:
        """Use a client in a way; return what was seen."""
        task = asyncio.create_task(self._begin(way, *given))
        try:
            await task
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- it is recorded, whatever it is
            self.note("raised", error)
        return self.seen

    async def _begin(self, way: Callable[..., Awaitable[None]], *given: Any) -> None:
        if self._stop is None:
            self._cancel()
        await way(self, *given)

    def _cancel(self) -> None:
        """Have the next thing that is waited for cancelled, if that is how to leave."""
        task = asyncio.current_task()
        if self._leave == "cancel" and task is not None:
            task.cancel()

    def note(self, what: str, value: Any) -> None:
        """Record a value, what attributes it has, and how it survives pickling."""
        self.seen.append((what, shown(value), sorted(getattr(value, "__dict__", ())), pickled(value)))

    async def read(self, stream: Any) -> None:
        """Record what an iterator gives, until it ends or is left."""
        self.seen.append(type(stream))
        reading = aiter(stream) if hasattr(stream, "__aiter__") else iter(stream)
        count = 0
        while self._stop is None or count < self._stop or self._leave == "cancel":
            if count == self._stop:
                self._cancel()
            try:
                self.note("chunk", await anext(reading) if hasattr(reading, "__anext__") else next(reading))
            except (StopIteration, StopAsyncIteration):
                self.seen.append("end")
                break
            count += 1
        if self._leave == "close" and hasattr(stream, "close"):
            await got(stream.close())
        if self._leave == "raise" and count == self._stop:
            raise LookupError("the application's own")


async def whole(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    recording.note("result", await got(api.create(**asked)))


async def raw(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    response = await got(api.with_raw_response.create(**asked))
    recording.seen.append(type(response))
    recording.seen += [response.status_code, response.http_response.content, response.http_response.is_closed]
    recording.note("result", await got(response.parse()))


async def streamed_response(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    async with entered(api.with_streaming_response.create(**asked)) as response:
        recording.seen.append(type(response))
        recording.seen += [response.is_closed, await got(response.read()), response.is_closed]
        recording.seen.append(type(response.elapsed))


async def stream(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    events = await got(api.create(**asked, stream=True))
    recording.seen.append(sorted(vars(events)))
    await recording.read(events)
    recording.seen.append(events.response.is_closed)


async def raw_stream(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    response = await got(api.with_raw_response.create(**asked, stream=True))
    recording.seen.append(type(response))
    await recording.read(await got(response.parse()))


async def streamed_lines(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    async with entered(api.with_streaming_response.create(**asked, stream=True)) as response:
        await recording.read(response.iter_lines())


async def helper(recording: Recording, api: Any, asked: dict[str, Any]) -> None:
    async with entered(api.stream(**asked)) as events:
        await recording.read(events)


WAYS = {way.__name__: way for way in (whole, raw, streamed_response, stream, raw_stream, streamed_lines, helper)}


def shown(value: Any, *, deep: bool = True) -> Any:
    """Return what a value is and says."""
    if isinstance(value, BaseModel):
        said = value.model_dump(warnings=False)
        return type(value), said, sorted(value.model_fields_set), repr(getattr(value, "_request_id", None))
    if isinstance(value, BaseException):
        told = {
            name: repr(each) for name, each in vars(value).items() if name in {"body", "code", "status_code", "message"}
        }
        causes = [shown(each, deep=False) for each in (value.__cause__, value.__context__) if deep]
        return type(value), str(value), repr(value.args), told, value.__suppress_context__, causes
    return repr(value)


def pickled(value: Any) -> Any:
    """Return what a value is after pickling, or why it cannot be pickled."""
    try:
        return shown(pickle.loads(pickle.dumps(value)))
    except Exception as error:  # noqa: BLE001 -- that it cannot be is to be the same, too
        return type(error), str(error)


def requests_of(asked: list[Asked]) -> list[Any]:
    """Return what a server saw of requests."""
    kept = []
    for each in asked:
        headers = {name: value for name, value in each.headers.items() if name not in RANDOM_HEADERS}
        kept.append((each.method, each.path, headers, each.body))
    with suppress(IndexError):
        kept[0][2].pop("connection", None)
    return kept
