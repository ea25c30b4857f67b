"""The control socket: private, reachable under any data folder, errors in the peer's words."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from spanpulse_stream.control import ControlClient, ControlServer, NotRunning, Operations, RequestRefused, socket_path


async def _query(sql: str, output_format: str) -> bytes:
    if sql == "bad":
        raise ValueError("Code: 62. Syntax error")
    return f"{sql}|{output_format}".encode()


async def _status() -> dict[str, Any]:
    return {"lag": 3}


@pytest.fixture(params=["short", "long"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / ("x" * 120 if request.param == "long" else "d")
    folder.mkdir()
    return folder


async def test_query_and_status_travel_over_a_private_socket(data: Path) -> None:
    server = ControlServer(socket_path(data), Operations(_query, _status, (ValueError,)))
    await server.start()
    client = ControlClient(data, timeout=5)
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

    server = ControlServer(socket_path(data), Operations(forever, _status, (ValueError,)))
    await server.start()
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_unix_connection(str(socket_path(data)))
        body = b'{"query": "q", "format": "f"}'
        writer.write(b"POST /sql HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await begun.acquire()
        writer.close()
        await ended.acquire()
        asked = asyncio.create_task(asyncio.to_thread(ControlClient(data, timeout=8).query, "q", "f"))
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
    server = ControlServer(path, Operations(_query, _status))
    await server.start()
    try:
        assert await asyncio.to_thread(ControlClient(data, timeout=5).status) == {"lag": 3}
    finally:
        await server.stop()
