"""A log in memory that keeps what it was given, and can be made to refuse, fail or wait."""

import asyncio
from collections.abc import Sequence

from spanpulse_stream.gateway import LogFull, Message


class MemoryLog:
    def __init__(self) -> None:
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
        self.appends.append(list(messages))

    def refuse(self, retry_after_s: float, times: int = 1) -> None:
        self.refusals += [LogFull(retry_after_s) for _ in range(times)]

    @property
    def messages(self) -> list[Message]:
        return [message for append in self.appends for message in append]
