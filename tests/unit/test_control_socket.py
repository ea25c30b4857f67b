"""The control socket: private, reachable under any data folder, errors in the peer's words."""

import asyncio
import logging
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from spanpulse_stream.control import ControlClient, ControlServer, NotRunning, Operations, RequestRefused, socket_path
from spanpulse_stream.operations import MaintenanceError, Progress, Stopped


async def _query(sql: str, output_format: str) -> bytes:
    if sql == "bad":
        raise ValueError("Code: 62. Syntax error")
    return f"{sql}|{output_format}".encode()


async def _status() -> dict[str, Any]:
    return {"lag": 3}


async def _operate(name: str, arguments: Any, report: Any, stopping: threading.Event) -> dict[str, Any]:
    """Report, as an operation does from its thread; `wait` goes on until it is stopped."""

    def work() -> dict[str, Any]:
        report(Progress("half", 1, 2, "rows"))
        if name == "wait":
            assert stopping.wait(60)
            raise Stopped
        if name == "bad":
            raise MaintenanceError("no such day")
        if name == "broken":
            raise TypeError("unsupported format")
        time_limit.wait(0.05)
        return {"of": arguments}

    time_limit = threading.Event()
    return await asyncio.to_thread(work)


@pytest.fixture(params=["short", "long"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / ("x" * 120 if request.param == "long" else "d")
    folder.mkdir()
    return folder


async def test_query_and_status_travel_over_a_private_socket(data: Path) -> None:
    server = ControlServer(socket_path(data), Operations(_query, _status, _operate, (ValueError,)))
    await server.start()
    client = ControlClient(data, timeout=60)
    try:
        assert stat.S_IMODE(socket_path(data).stat().st_mode) == 0o600
        assert await asyncio.to_thread(client.query, "SELECT 1", "JSON") == b"SELECT 1|JSON"
        assert await asyncio.to_thread(client.status) == {"lag": 3}
        with pytest.raises(RequestRefused, match="Syntax error"):
            await asyncio.to_thread(client.query, "bad", "JSON")
    finally:
        await server.stop()
    assert not socket_path(data).exists()
    folder = socket_path(data).parent
    assert folder.exists() == (folder.name == data.name)  # one that was made for the socket is gone too


async def test_a_query_is_cancelled_when_its_client_goes_and_when_the_server_stops(data: Path) -> None:
    begun, ended = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def forever(_sql: str, _format: str) -> bytes:
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.release()
        return b""

    server = ControlServer(socket_path(data), Operations(forever, _status, _operate, (ValueError,)))
    await server.start()
    async with asyncio.timeout(60):
        _, writer = await asyncio.open_unix_connection(str(socket_path(data)))
        body = b'{"query": "q", "format": "f"}'
        writer.write(b"POST /sql HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await begun.acquire()
        writer.close()
        await ended.acquire()
        asked = asyncio.create_task(asyncio.to_thread(ControlClient(data, timeout=60).query, "q", "f"))
        await begun.acquire()
        await server.stop()
        await ended.acquire()
        with pytest.raises(RequestRefused, match="the running process stops"):
            await asked


def test_without_a_process_the_client_says_so(data: Path) -> None:
    with pytest.raises(NotRunning):
        ControlClient(data, timeout=1).status()


async def test_a_socket_left_by_a_dead_process_is_replaced(data: Path) -> None:
    path = socket_path(data)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.touch()
    with pytest.raises(NotRunning):
        ControlClient(data, timeout=1).status()
    server = ControlServer(path, Operations(_query, _status, _operate))
    await server.start()
    try:
        assert await asyncio.to_thread(ControlClient(data, timeout=60).status) == {"lag": 3}
    finally:
        await server.stop()


async def test_an_operation_tells_how_far_it_is_then_its_report_or_its_error(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = ControlServer(socket_path(data), Operations(_query, _status, _operate))
    await server.start()
    client = ControlClient(data, timeout=60)
    try:
        found = await asyncio.to_thread(lambda: list(client.operate("count", {"day": "2026-11-20"})))
        assert found[-1] == {"report": {"of": {"day": "2026-11-20"}}}
        assert found[:-1] in ([], [{"progress": {"text": "half", "done": 1, "total": 2, "unit": "rows"}}])
        with pytest.raises(RequestRefused, match="no such day"):
            await asyncio.to_thread(lambda: list(client.operate("bad", {})))
        with caplog.at_level(logging.ERROR), pytest.raises(RequestRefused, match="a defect, TypeError: unsupported"):
            await asyncio.to_thread(lambda: list(client.operate("broken", {})))
        assert [each.levelname for each in caplog.records if each.exc_info] == ["ERROR"]
    finally:
        await server.stop()


async def test_an_operation_is_stopped_when_its_client_goes_and_when_the_server_stops(data: Path) -> None:
    ended = asyncio.Semaphore(0)

    async def operate(*arguments: Any) -> dict[str, Any]:
        try:
            return await _operate(*arguments)
        finally:
            ended.release()

    server = ControlServer(socket_path(data), Operations(_query, _status, operate))
    await server.start()
    async with asyncio.timeout(60):
        going = ControlClient(data, timeout=60).operate("wait", {})
        assert "progress" in await asyncio.to_thread(next, going)
        await asyncio.to_thread(going.close)
        await ended.acquire()
        staying = ControlClient(data, timeout=60).operate("wait", {})
        assert "progress" in await asyncio.to_thread(next, staying)
        await server.stop()
        await ended.acquire()
        with pytest.raises(RequestRefused, match="stopped before its end"):
            await asyncio.to_thread(list, staying)
