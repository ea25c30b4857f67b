"""One append: its parts, on the lanes of their partitions, and the outcome that its caller waits for."""

import asyncio
from collections.abc import Callable, Iterable

from spanpulse_stream.kafka._log_errors import TooLarge
from spanpulse_stream.kafka._log_lane import Lane
from spanpulse_stream.kafka._packing import Part
from spanpulse_stream.log import Message

__all__ = ["Request"]


class Request:
    """Waits for all its parts, or for the first that failed. ``release`` hears of bytes that are held no longer."""

    def __init__(self, messages: Iterable[tuple[Lane, Message]], release: Callable[[int], None]) -> None:
        self._release = release
        self._open = {Part(message, self._settled): lane for lane, message in messages}
        self._done = asyncio.get_running_loop().create_future()
        self.too_large = 0  # records in messages that the topic does not take

    async def send(self) -> None:
        """Send all parts and wait. Raises what a part failed with.

        Cancelled or failed: parts that are not under way are not sent any more.
        """
        for part, lane in self._open.items():
            lane.add(part)
        try:
            await self._done
        finally:
            for part, lane in list(self._open.items()):
                if lane.drop(part):
                    self._settled(part, None)

    def _settled(self, part: Part, error: Exception | None) -> None:
        del self._open[part]
        self._release(part.size)
        if isinstance(error, TooLarge):
            self.too_large += part.message.records
        elif error is not None and not self._done.done():
            self._done.set_exception(error)
        if not self._open and not self._done.done():
            self._done.set_result(None)
