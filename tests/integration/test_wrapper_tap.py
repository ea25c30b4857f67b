"""A tap on real HTTP responses: whoever reads them, and however, gets the same bytes, and the call ends once."""

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry.trace import INVALID_SPAN

from spanpulse._calls import Call, tap
from spanpulse._calls._body import Collected
from spanpulse._shapes import CHAT_COMPLETIONS

CHUNKS = [b"data: {}\n\n" * 40, b'data: {"a": 1}\n\n', b"data: [DONE]\n\n"]
WHOLE = b"".join(CHUNKS)


class Streaming(BaseHTTPRequestHandler):
    """Sends chunks, and at /broken goes away in the middle of them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in CHUNKS if self.path == "/" else CHUNKS[:1]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if self.path == "/":
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def log_message(self, *_words: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Says nothing about readers that leave."""

    def handle_error(self, *_where: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Streaming)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Ends:
    """Calls that have ended."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def begin(self) -> Call:
        return Call(INVALID_SPAN, CHAT_COMPLETIONS, self)

    def ended(self, call: Call) -> None:
        self.calls.append(call)

    def tell(self, call: Call) -> None:
        raise NotImplementedError

    def read(self) -> bytes:
        """Return what the only call held."""
        (call,) = self.calls
        assert isinstance(call.answer, Collected)
        return b"".join(call.answer.parts())


WAYS: dict[str, Callable[[httpx.Response], bytes]] = {
    "raw": lambda response: b"".join(response.iter_raw()),
    "bytes": lambda response: b"".join(response.iter_bytes(7)),
    "lines": lambda response: "".join(f"{line}\n" for line in response.iter_lines()).encode(),
    "text": lambda response: "".join(response.iter_text()).encode(),
    "read": lambda response: response.read(),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_reading_gives_the_same(address: str, way: str) -> None:
    ends = Ends()
    with httpx.Client() as client, client.stream("GET", f"{address}/") as response:
        tap(response, ends.begin())
        assert isinstance(response.stream, httpx.SyncByteStream)
        assert WAYS[way](response) == WHOLE
        assert response.is_closed
    assert ends.read() == WHOLE
    assert ends.calls[0].started_ns <= ends.calls[0].first_ns <= ends.calls[0].ended_ns <= time.time_ns()
    assert ends.calls[0].error == ""


def test_a_stream_that_is_left_early_ends_with_what_came(address: str) -> None:
    ends = Ends()
    with httpx.Client() as client, client.stream("GET", f"{address}/") as response:
        tap(response, ends.begin())
        reading = response.iter_raw()
        assert next(reading)
        assert not ends.calls
        del reading
        assert len(ends.calls) == 1, "nobody can read on"
    assert WHOLE.startswith(ends.read())


def test_a_stream_that_nobody_reads_ends_when_it_is_dropped(address: str) -> None:
    ends = Ends()
    with httpx.Client() as client:
        response = client.send(client.build_request("GET", f"{address}/"), stream=True)
        tap(response, ends.begin())
        del response
        gc.collect()
        assert ends.read() == b""


def test_an_error_of_the_network_is_the_call_s_and_the_reader_s(address: str) -> None:
    ends = Ends()
    with httpx.Client() as client, client.stream("GET", f"{address}/broken") as response:
        tap(response, ends.begin())
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            response.read()
    assert ends.read() == CHUNKS[0]
    assert ends.calls[0].error == type(caught.value).__qualname__


def test_what_a_reader_raises_is_no_error_of_the_call(address: str) -> None:
    ends = Ends()

    def read() -> None:
        with httpx.Client() as client, client.stream("GET", f"{address}/") as response:
            tap(response, ends.begin())
            for _ in response.iter_raw():
                raise LookupError

    with pytest.raises(LookupError):
        read()
    assert ends.calls[0].error == ""


def test_asynchronous_streams_are_watched_alike(address: str) -> None:
    whole, early, cancelled = Ends(), Ends(), Ends()

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", f"{address}/") as response:
                tap(response, whole.begin())
                assert b"".join([chunk async for chunk in response.aiter_raw()]) == WHOLE
            async with client.stream("GET", f"{address}/") as response:
                tap(response, early.begin())
                async for _ in response.aiter_raw():
                    break
            async with client.stream("GET", f"{address}/") as response:
                tap(response, cancelled.begin())

                async def endless() -> None:
                    async for _ in response.aiter_raw():
                        await asyncio.sleep(60)

                task = asyncio.create_task(endless())
                await asyncio.sleep(0.05)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    asyncio.run(run())
    assert whole.read() == WHOLE
    assert WHOLE.startswith(early.read())
    assert len(cancelled.calls) == 1


def test_a_stream_that_is_left_is_closed_by_the_task_that_read_it() -> None:
    closers: list[object] = []

    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"chunk"
            finally:
                closers.append(asyncio.current_task())

    async def run() -> None:
        ends = Ends()
        transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, stream=Endless()))
        async with httpx2.AsyncClient(transport=transport) as client, client.stream("GET", "http://here/") as response:
            tap(response, ends.begin())
            async with contextlib.aclosing(response.aiter_raw()) as reading:
                assert await anext(reading) == b"chunk"
            assert closers == [asyncio.current_task()]
            assert len(ends.calls) == 1

    asyncio.run(run())


def test_an_answer_that_replaces_another_is_the_one_that_ends_the_call(address: str) -> None:
    ends = Ends()
    call = ends.begin()
    with httpx.Client() as client, client.stream("GET", f"{address}/") as first:
        tap(first, call)
        with client.stream("GET", f"{address}/") as second:
            tap(second, call)
            first.close()
            assert not ends.calls
            assert second.read() == WHOLE
    assert ends.read() == WHOLE


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_a_stream_that_can_be_read_in_both_ways_still_can(module: Any) -> None:
    sync, concurrent = Ends(), Ends()

    def tapped(ends: Ends) -> Any:
        response = module.Response(200, stream=module.ByteStream(WHOLE))
        tap(response, ends.begin())
        return response

    async def read() -> bytes:
        return b"".join([chunk async for chunk in tapped(concurrent).aiter_raw()])

    assert tapped(sync).read() == WHOLE
    assert asyncio.run(read()) == WHOLE
    assert sync.read() == concurrent.read() == WHOLE


@pytest.mark.parametrize(
    ("sent", "first"), [([b": alive\n\n", b"data: 1\n\n"], 1), ([b": alive\n\ndata: 1\n\n", b"data: 2\n\n"], 0)]
)
def test_the_first_chunk_is_one_that_says_something(sent: list[bytes], first: int) -> None:
    ends = Ends()
    response = httpx.Response(200, stream=Pieces(sent))
    call = ends.begin()
    tap(response, call)
    came = [bool(call.first_ns) for _ in response.iter_raw()]
    assert came.index(True) == first


class Pieces(httpx.SyncByteStream):
    """Chunks as they are given."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


class Twice(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Chunks for who reads first; who reads what is left behind them waits."""

    def __init__(self) -> None:
        self._readers = 0

    def __iter__(self) -> Iterator[bytes]:
        self._readers += 1
        yield from CHUNKS
        if self._readers > 1:
            raise httpx.ReadTimeout("nothing is left")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._readers += 1
        for chunk in CHUNKS:
            yield chunk
        if self._readers > 1:
            await asyncio.Event().wait()


def test_who_empties_the_connection_behind_an_answer_neither_adds_to_it_nor_makes_it_an_error() -> None:
    ends = Ends()

    async def run() -> list[bytes]:
        response = httpx.Response(200, stream=Twice())
        tap(response, ends.begin())
        reading, came = aiter(response.stream), []
        while len(came) < len(CHUNKS):
            came.append(await anext(reading))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                async for chunk in response.stream:
                    came.append(chunk)  # noqa: PERF401 -- they stay when time is up
        await response.aclose()
        return came

    assert asyncio.run(run()) == CHUNKS * 2
    assert ends.read() == WHOLE
    assert ends.calls[0].error == ""


def test_who_reads_a_stream_once_more_gets_what_it_gives_and_its_errors() -> None:
    ends = Ends()
    response = httpx.Response(200, stream=Twice())
    tap(response, ends.begin())
    reading = iter(response.stream)
    came = [next(reading) for _ in CHUNKS]
    with pytest.raises(httpx.ReadTimeout):
        came.extend(response.stream)
    response.close()
    assert came == CHUNKS * 2
    assert ends.read() == WHOLE
    assert ends.calls[0].error == ""
