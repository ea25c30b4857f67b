"""The sender: every request is acknowledged, refused or failed, and waits are those that were asked for."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from spanpulse_stream.traffic import Outgoing, Report, Sender

OK = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def full(retry_after: str) -> str:
    return f"HTTP/1.1 429 Too Many Requests\r\nretry-after: {retry_after}\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Server:
    """Answers each request with what ``answer`` returns for its number; an empty answer closes the connection."""

    answer: Callable[[int], str] = lambda _: OK
    connections: int = 0
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                self.paths.append(head.split()[1])
                self.headers.append(head)
                answer = self.answer(len(self.bodies) - 1)
                if not answer:
                    return
                writer.write(answer.encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


class Waits:
    """Stands in for time: pauses take none and are noted."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def sender(address: str, waits: Waits, **more: int) -> Sender:
    return Sender(address, at_once=1, pause=waits, jitter=lambda: 0.5, timeout=30, **more)


async def test_every_request_is_acknowledged_over_one_connection() -> None:
    server = Server()
    async with serving(server) as address:
        requests = [Outgoing("traces", b"a", 3), Outgoing("logs", b"bc", 4)]
        report = await sender(address, Waits()).send(requests)
    assert (report.acknowledged, report.acknowledged_records, report.refused, report.failed) == (2, 7, 0, 0)
    assert server.bodies == [b"a", b"bc"]
    assert server.paths == ["/v1/traces", "/v1/logs"]
    assert all("content-type: application/x-protobuf" in head for head in server.headers)
    assert server.connections == 1
    assert len(report.latencies) == 2
    assert report.percentile(0.99) >= report.percentile(0) > 0


async def test_retry_after_is_respected_with_jitter_and_a_limit() -> None:
    answers = [full("2"), full("soon"), full("4000"), OK]
    server, waits = Server(lambda number: answers[number]), Waits()
    async with serving(server) as address:
        report = await sender(address, waits).send([Outgoing("traces", b"x", 1)])
    assert waits.seconds == [2 * 1.25, 0.2 * 1.25, 30 * 1.25]
    assert (report.acknowledged, report.retries) == (1, 3)
    assert server.bodies == [b"x"] * 4


async def test_attempts_end() -> None:
    server = Server(lambda _: full("1"))
    async with serving(server) as address:
        report = await sender(address, Waits(), most_attempts=3).send([Outgoing("traces", b"x", 1)] * 2)
    assert (report.acknowledged, report.refused, len(server.bodies)) == (0, 2, 6)
    assert report.reasons == {"429": 2}


async def test_what_is_wrong_is_not_sent_again() -> None:
    bad = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
    server = Server(lambda number: bad if number == 0 else OK)
    async with serving(server) as address:
        report = await sender(address, Waits()).send([Outgoing("traces", b"x", 1), Outgoing("traces", b"y", 1)])
    assert (report.acknowledged, report.refused, report.reasons) == (1, 1, {"400": 1})


async def test_a_lost_connection_is_tried_again() -> None:
    server, waits = Server(lambda number: "" if number < 2 else OK), Waits()
    async with serving(server) as address:
        report = await sender(address, waits).send([Outgoing("traces", b"x", 1)])
    assert (report.acknowledged, report.retries, len(waits.seconds)) == (1, 2, 2)


async def test_nobody_there_is_a_failure() -> None:
    async with serving(Server()) as address:
        pass
    report = await sender(address, Waits(), most_attempts=2).send([Outgoing("traces", b"x", 1)])
    assert (report.acknowledged, report.failed, report.reasons) == (0, 1, {"ConnectError": 1})


async def test_bodies_are_compressed_on_demand() -> None:
    server = Server()
    async with serving(server) as address:
        await Sender(address, compress=True).send([Outgoing("traces", b"x" * 500, 1)])
    assert gzip.decompress(server.bodies[0]) == b"x" * 500
    assert "content-encoding: gzip" in server.headers[0]


async def test_nothing_is_sent_before_it_is_due() -> None:
    server, waits = Server(), Waits()
    async with serving(server) as address:
        sending = Sender(address, at_once=1, pause=waits, clock=lambda: 100.0)
        await sending.send([Outgoing("traces", b"x", 1, due=0), Outgoing("traces", b"y", 1, due=7.5)])
    assert waits.seconds == [7.5]


async def test_requests_are_taken_only_when_there_is_room() -> None:
    taken, three, release = 0, asyncio.Event(), asyncio.Event()

    def endless() -> Iterator[Outgoing]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            if taken == 3:
                three.set()
            yield Outgoing("traces", b"x", 1)

    class Slow(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            await super().serve(reader, writer)

    server = Slow()
    async with serving(server) as address:
        task = asyncio.create_task(Sender(address, at_once=3).send(endless()))
        async with asyncio.timeout(60):
            await three.wait()
        assert taken == 3
        release.set()
        report = await task
    assert report.acknowledged == 50
    assert server.connections <= 3


async def test_progress_is_reported() -> None:
    seen: list[int] = []
    async with serving(Server()) as address:
        await sender(address, Waits()).send(
            [Outgoing("traces", b"x", 2)] * 3, on_sent=lambda report: seen.append(report.acknowledged_records)
        )
    assert seen == [2, 4, 6]


def test_no_latencies_have_no_percentile() -> None:
    assert Report().percentile(0.5) != Report().percentile(0.5)
    assert pytest.approx(3.0) == Report(latencies=[1.0, 3.0, 2.0]).percentile(1.0)
