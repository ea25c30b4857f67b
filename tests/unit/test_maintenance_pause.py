"""Holding the stream processors: whatever becomes of it, they go on afterwards."""

import asyncio
from contextlib import suppress
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_stream.embedded import _maintenance
from spanpulse_stream.embedded._maintenance import Maintenance
from spanpulse_stream.embedded._processors import Processors
from spanpulse_stream.observe import Health


class Standing(Processors):
    """Processors whose app does nothing, and ends when it is let."""

    begun: asyncio.Semaphore
    may_end: asyncio.Event

    async def _begin(self, *_: Any) -> None:
        self.begun.release()

    async def _ended(self) -> BaseException | None:
        await self._pausing.wait()
        return None

    async def _end(self) -> None:
        await self.may_end.wait()


def standing(health: Health) -> Standing:
    nothing: Any = None
    made = Standing(nothing, nothing, nothing, nothing, nothing, nothing, health)
    made.begun, made.may_end = asyncio.Semaphore(0), asyncio.Event()
    made._running = asyncio.create_task(made._run("", nothing))
    return made


async def test_processors_go_on_where_they_could_not_be_stopped_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Any = SimpleNamespace(data=tmp_path, partitions=0)
    whole: Any = SimpleNamespace(whole=True)
    nothing: Any = None
    health = Health(lambda: 0.0)
    processors = standing(health)
    maintenance = Maintenance(settings, nothing, nothing, nothing, whole, health, processors)
    monkeypatch.setattr(_maintenance, "committed_ends", lambda _database: {7: 1})
    loop = asyncio.get_running_loop()

    def held() -> dict[int, int]:
        with maintenance._paused(loop, Event()) as ends:
            return dict(ends)

    monkeypatch.setattr(_maintenance, "PAUSE_WITHIN_S", 0.05)
    with pytest.raises(TimeoutError, match=r"did not stop within 0\.05 s"):
        await asyncio.to_thread(held)
    processors.may_end.set()
    async with asyncio.timeout(60):
        await processors.begun.acquire()
    assert not processors._running.done()
    monkeypatch.setattr(_maintenance, "PAUSE_WITHIN_S", 10.0)
    assert await asyncio.to_thread(held) == {7: 1}
    async with asyncio.timeout(60):
        await processors.begun.acquire()
    processors._running.cancel()
    with suppress(asyncio.CancelledError):
        await processors._running
