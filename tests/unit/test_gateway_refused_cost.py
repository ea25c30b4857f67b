"""What a key pays of its quota of bytes for bodies that are refused, or that are never sent to their end."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest

from otlp.log import GatedLog
from otlp.requests import PROTOBUF, some_traces
from otlp.serving import Served, client, receiver
from spanpulse_stream.gateway import ApiKeys, GrpcServer, OtlpOptions, RequestLimits
from spanpulse_stream.gateway._quotas import BURST_S

KEY = "0123456789abcdef"
KEYS = ApiKeys.parse([f"acme:plain:{KEY}"])
RATE = 1_000_000
PIECE = b"\x00" * 1000
SIZE = 10_000
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@asynccontextmanager
async def limited(log: GatedLog, **limits: Any) -> AsyncIterator[Served]:
    options = OtlpOptions(keys=KEYS, quota_bytes=RATE, limits=RequestLimits(**limits))
    async with receiver(log, options) as got:
        got.receiver._quotas._clock = lambda: 0.0  # nothing flows in
        yield got


def paid(got: Served) -> float:
    """Return what was charged so far."""
    (buckets,) = got.receiver._quotas._buckets.values()
    return RATE * BURST_S - buckets["bytes"].level


def pieces(number: int) -> Iterator[dict[str, Any]]:
    for _ in range(number):
        yield {"type": "http.request", "body": PIECE, "more_body": True}


async def send(got: Served, events: Iterator[dict[str, Any]], headers: dict[bytes, bytes] | None = None) -> int | None:
    """Send a body in pieces; return the status of the answer, None where there is none. Behind the last: silence."""
    said: list[int] = []

    async def receive() -> dict[str, Any]:
        event = next(events, None)
        if event is None:
            await asyncio.sleep(60)
        assert event is not None
        return event

    async def answer(event: Any) -> None:
        if event["type"] == "http.response.start":
            said.append(event["status"])

    given = {b"content-type": PROTOBUF.encode(), b"x-api-key": KEY.encode(), **(headers or {})}
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": list(given.items())}
    await got.app(scope, receive, answer)
    return said[0] if said else None


async def test_a_body_that_is_too_large_costs_what_arrived(log: GatedLog) -> None:
    async with limited(log, max_body_bytes=SIZE) as got:
        assert await send(got, pieces(50)) == 413
        assert paid(got) == SIZE + len(PIECE)


async def test_a_body_that_comes_too_slowly_costs_what_arrived(log: GatedLog) -> None:
    async with limited(log, body_timeout=0.05) as got:
        assert await send(got, pieces(3)) == 408
        assert paid(got) == 3 * len(PIECE)


async def test_a_sender_that_goes_away_pays_for_what_arrived(log: GatedLog) -> None:
    async with limited(log) as got:
        events = iter([*pieces(4), {"type": "http.disconnect"}])
        assert await send(got, events) is None
        assert paid(got) == 4 * len(PIECE)


async def test_what_does_not_fit_the_memory_costs_what_arrived(log: GatedLog) -> None:
    async with limited(log, max_body_bytes=SIZE, max_decompressed_bytes=SIZE, most_bytes_in_flight=0) as got:
        got.receiver._budget.take(2 * SIZE - 5 * len(PIECE))
        assert await send(got, pieces(6)) == 429
        assert paid(got) == 6 * len(PIECE)


async def test_what_does_not_fit_when_it_is_decompressed_costs_what_it_took(log: GatedLog) -> None:
    body = gzip.compress(bytes(5_000_000))
    async with limited(log) as got:
        got.receiver._budget.take(got.receiver.options.limits.budget - 3_000_000)
        event = {"type": "http.request", "body": body, "more_body": False}
        assert await send(got, iter([event]), {b"content-encoding": b"gzip"}) == 429
        assert 2_000_000 < paid(got) < 3_000_000


async def test_where_too_many_are_at_work_a_body_costs_what_arrived(log: GatedLog) -> None:
    async with limited(log, most_requests=0) as got, client(got.app) as http:
        answer = await http.post("/v1/traces", content=PIECE, headers={"content-type": PROTOBUF, "x-api-key": KEY})
        assert answer.status_code == 429
        assert paid(got) == len(PIECE)


async def test_who_is_over_the_quota_only_when_the_body_is_read_pays_for_it(log: GatedLog) -> None:
    """Many at once are let in with one look at the bucket: they are as much work as those that are taken."""
    body = some_traces(50)
    async with limited(log) as got:

        def used_up_meanwhile() -> Iterator[dict[str, Any]]:
            (buckets,) = got.receiver._quotas._buckets.values()
            buckets["bytes"].level = -1.0
            yield {"type": "http.request", "body": body, "more_body": False}

        assert await send(got, used_up_meanwhile()) == 429
        assert paid(got) == RATE * BURST_S + 1 + len(body)


async def test_what_is_taken_is_paid_once_and_what_the_log_refuses_not_at_all(log: GatedLog) -> None:
    log.refuse(1.0, times=1)
    body = some_traces(50)
    async with limited(log) as got:
        for status, cost in ((429, 0), (200, len(body))):
            assert await send(got, iter([{"type": "http.request", "body": body, "more_body": False}])) == status
            assert paid(got) == cost


@pytest.mark.parametrize("messages", [1, 2])
async def test_over_grpc_a_refused_message_costs_its_size(log: GatedLog, messages: int) -> None:
    """One that does not fit the memory; two where there may be one."""
    async with limited(log) as got:
        if messages == 1:
            got.receiver._budget.take(got.receiver.options.limits.budget - 1)
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0, stop_within=1)
        await server.start()
        async with grpc.aio.insecure_channel(server.address) as channel:
            export = channel.stream_unary(EXPORT)
            with pytest.raises(grpc.aio.AioRpcError):
                await export(iter([PIECE] * messages), timeout=20, metadata=(("x-api-key", KEY),))
        await server.stop()
        assert paid(got) == messages * len(PIECE)
