"""Operations end once, whoever stops waiting for them; what is left unfinished is shown until it is finished."""

import asyncio
import gc
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_stream.embedded import _maintenance
from spanpulse_stream.embedded._maintenance import Maintenance
from spanpulse_stream.maintenance import Context
from spanpulse_stream.maintenance._erase_request import EraseRequest, Journal
from spanpulse_stream.observe import Health
from spanpulse_stream.operations import MaintenanceError, Stopped


def made(folder: Path, health: Health) -> Maintenance:
    settings: Any = SimpleNamespace(data=folder, partitions=0)
    nothing: Any = None
    return Maintenance(settings, nothing, nothing, nothing, nothing, health)


def a_health() -> Health:
    return Health(lambda: 0.0)


def warnings(health: Health) -> str:
    return " ".join(f"{each.condition.value}: {each.detail}" for each in health.warnings())


async def test_an_operation_runs_to_its_end_though_its_caller_is_cancelled_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release, told = Event(), Event(), list[Mapping[str, Any]]()

    def slow(context: Context, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        begun.set()
        release.wait(60)
        context.check()
        return {}

    monkeypatch.setattr(_maintenance, "OPERATIONS", {"slow": slow})
    maintenance = made(tmp_path, a_health())
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    running = asyncio.create_task(maintenance.run("slow", {}, lambda _progress: None, Event()))
    await asyncio.to_thread(begun.wait, 20)
    for _ in range(2):
        running.cancel()
        await asyncio.wait({running}, timeout=0.05)
    with pytest.raises(MaintenanceError, match="slow is running"):
        await maintenance.run("slow", {}, lambda _progress: None, Event())
    release.set()
    await maintenance.stop()
    assert not maintenance.busy
    del running
    gc.collect()
    assert told == []


async def test_what_cannot_be_finished_is_shown(tmp_path: Path) -> None:
    health = a_health()
    (tmp_path / "erase.json").write_text('{"user": "al')
    maintenance = made(tmp_path, health)
    maintenance.resume()
    with pytest.raises(MaintenanceError, match="no operation"):
        await maintenance.run("nothing", {}, lambda _progress: None, Event())
    assert await _resumed(maintenance)
    assert "operation_unfinished: begun and not finished: erase (" in warnings(health)
    assert "erase.json" in warnings(health)


async def test_a_defect_does_not_end_what_finishes_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_context: Context) -> None:
        raise ValueError("a defect " + "x " * 10_000)

    finished: list[Context] = []
    monkeypatch.setattr(_maintenance, "RESUMERS", {"erase": broken, "reprice": finished.append})
    Journal(tmp_path).write(EraseRequest(user="alice"))
    health = a_health()
    maintenance = made(tmp_path, health)
    maintenance.resume()
    assert await _resumed(maintenance)
    assert (len(finished), len(warnings(health)) < 1000) == (1, True)
    assert "erase (a defect x" in warnings(health)


async def test_one_that_was_stopped_is_shown_until_it_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        Journal(context.folder).write(EraseRequest(user="alice"))
        if not arguments:
            raise Stopped
        Journal(context.folder).remove()
        return {}

    monkeypatch.setattr(_maintenance, "OPERATIONS", {"erase": stopped})
    health = a_health()
    maintenance = made(tmp_path, health)
    with pytest.raises(Stopped):
        await maintenance.run("erase", {}, lambda _progress: None, Event())
    assert "not finished: erase;" in warnings(health)
    await maintenance.run("erase", {"again": True}, lambda _progress: None, Event())
    assert warnings(health) == ""


async def _resumed(maintenance: Maintenance) -> bool:
    assert maintenance._resuming is not None
    done, _ = await asyncio.wait({maintenance._resuming}, timeout=60)
    return bool(done) and next(iter(done)).exception() is None
