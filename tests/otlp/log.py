"""The local log behind a gate: a receiver's log that is real, and can be made to refuse, fail or wait."""

import asyncio
from collections.abc import Sequence

from spanpulse_stream.log import LocalLog, LogFull, Message


class GatedLog:
    """`MessageLog` over a local log; what it shows was read back from there."""

    def __init__(self, log: LocalLog) -> None:
        self.log = log
        self.appends: list[list[Message]] = []
        self.refusals: list[Exception] = []  # raised by the next appends, one each
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0

    async def append(self, messages: Sequence[Message]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.waiting += 1
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        offsets = await asyncio.wrap_future(self.log.append_soon(messages))
        self.appends.append([self._stored(*place) for place in zip(messages, offsets, strict=True)])

    def refuse(self, retry_after_s: float, times: int = 1) -> None:
        self.refusals += [LogFull(retry_after_s) for _ in range(times)]

    @property
    def messages(self) -> list[Message]:
        return [message for append in self.appends for message in append]

    def _stored(self, message: Message, offset: int) -> Message:
        topic, partition = message.topic, message.partition
        [record] = self.log.read(topic, partition, offset, max_messages=1)
        return Message(topic, partition, record.key, record.value, record.headers, record.records)
