"""Senders of OTLP/gRPC that never send their message: others go on, and the slow are hurried only for somebody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from otlp.log import GatedLog
from otlp.requests import some_traces
from otlp.serving import Served, receiver, until
from spanpulse_stream.gateway import ApiKeys, GrpcServer, OtlpOptions, RequestLimits, RequestRefused, Sender, _slots
from spanpulse_stream.gateway._slots import Slots

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SLOW, GOOD = "slow-0123456789abcdef", "good-0123456789abcdef"
KEYS = ApiKeys.parse([f"slow:plain:{SLOW}", f"good:plain:{GOOD}"])
ONE, OTHER = Sender("one", "", b"1"), Sender("other", "", b"2")
NOBODY = Sender("default", "")


@asynccontextmanager
async def serving(log: GatedLog, keys: ApiKeys, limits: RequestLimits) -> AsyncIterator[tuple[Served, Any]]:
    async with receiver(log, OtlpOptions(keys=keys, limits=limits)) as got:
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0, stop_within=0.1)
        await server.start()
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield got, channel
        await server.stop()


async def never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


def begin(channel: Any, key: str, number: int) -> list[Any]:
    """Begin requests whose message never comes."""
    call = channel.stream_unary(EXPORT)
    return [call(never(), metadata=(("x-api-key", key),)) for _ in range(number)]


async def send(channel: Any, key: str) -> bytes:
    answer: bytes = await channel.unary_unary(EXPORT)(some_traces(), timeout=30, metadata=(("x-api-key", key),))
    return answer


async def test_a_key_that_never_sends_keeps_nobody_else_out(log: GatedLog) -> None:
    async with serving(log, KEYS, RequestLimits(body_timeout=60)) as (got, channel):
        held = begin(channel, SLOW, 20)
        await until(lambda: got.receiver._budget.requests == 20)
        async with asyncio.timeout(_slots.HURRIED_S):
            for _ in range(20):
                assert await send(channel, GOOD) == b""
        for each in held:
            each.cancel()


async def test_one_key_is_not_kept_out_by_its_own_slow_senders_for_long(
    log: GatedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_slots, "HURRIED_S", 0.3)
    async with serving(log, KEYS, RequestLimits(body_timeout=60)) as (got, channel):
        held = begin(channel, GOOD, 3)
        await until(lambda: got.receiver._budget.requests == 3)
        assert await send(channel, GOOD) == b""
        await asyncio.wait([asyncio.ensure_future(each.code()) for each in held], return_when=asyncio.FIRST_COMPLETED)
        assert grpc.StatusCode.DEADLINE_EXCEEDED in [await each.code() for each in held if each.done()]
        for each in held:
            each.cancel()


async def test_nobody_is_hurried_for_nobody_and_every_slot_comes_back() -> None:
    slots = Slots(4, 8)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(TimeoutError):
        async with slots.hold(ONE, 0.2):
            await asyncio.Event().wait()
    assert loop.time() - begun >= 0.2
    async with slots.hold(ONE, 9), slots.hold(ONE, 9), slots.hold(OTHER, 9), slots.hold(OTHER, 9):
        assert slots._free.locked()
    for _ in range(9):
        with pytest.raises(KeyError):
            async with slots.hold(ONE, 9):
                raise KeyError
    async with slots.hold(NOBODY, 9), slots.hold(NOBODY, 9), slots.hold(NOBODY, 9), slots.hold(NOBODY, 9):
        assert slots._free.locked()
    assert (slots._shares, slots._waiting, slots._waiting_for_free) == ({}, 0, 0)


async def test_who_waits_in_vain_is_told_to_come_again_and_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_slots, "SLOT_WITHIN_S", 0.05)
    slots = Slots(2, 8)
    async with slots.hold(ONE, 9), slots.hold(OTHER, 9):
        for sender in (ONE, NOBODY):
            with pytest.raises(RequestRefused) as refused:
                async with slots.hold(sender, 9):
                    pass
            assert (refused.value.status, bool(refused.value.retry_after_s)) == (429, True)
    async with slots.hold(ONE, 9), slots.hold(NOBODY, 9):
        pass
    assert slots._shares == {}
