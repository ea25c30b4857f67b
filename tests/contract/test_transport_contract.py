"""What every log with a Faust driver must do for the agents; a new one only needs a harness in `HARNESSES`."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.transport import failed
from transports import HARNESSES, PARTITIONS, Harness, eventually, held

STOP_WITHIN_S = 40.0


@pytest.fixture(params=HARNESSES, ids=[harness.__name__ for harness in HARNESSES])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = request.param(request, tmp_path)
    await made.open()
    yield made
    await made.close()


@dataclass
class Seen:
    """What agents were given, by partition: offsets, and values by offset."""

    offsets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[tuple[int, int], Any] = field(default_factory=dict)

    def add(self, event: Any) -> None:
        message = event.message
        self.offsets[message.partition].append(message.offset)
        self.messages[message.partition, message.offset] = message

    def counts(self) -> list[int]:
        return [len(set(self.offsets[partition])) for partition in range(PARTITIONS)]


Handle = Callable[[Any, Any], Awaitable[None]]


async def acknowledge(stream: Any, event: Any) -> None:
    await stream.ack(event)


async def start(harness: Harness, seen: Seen, handle: Handle = acknowledge, take: int = 5) -> Any:
    """Start an app whose agent records each event, then handles it."""
    app = harness.make_app()

    @app.agent(app.topic(harness.topic), name="agent")
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(take, within=0.02):
            for event in events:
                seen.add(event)
                await handle(stream, event)

    await app.start()
    return app


async def fill(harness: Harness, count: int, first: int = 0) -> None:
    """Append ``count`` messages to each partition; their values name their offsets."""
    for partition in range(PARTITIONS):
        await harness.append(partition, [b"%d/%d" % (partition, first + number) for number in range(count)])


async def committed(harness: Harness) -> list[int]:
    return [await harness.committed(partition) for partition in range(PARTITIONS)]


def is_committed(harness: Harness, *offsets: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await committed(harness) == list(offsets)

    return check


def refuse(*wrong: tuple[int, int]) -> Handle:
    """Acknowledge all but messages at the given (partition, offset)s."""

    async def handle(stream: Any, event: Any) -> None:
        if (event.message.partition, event.message.offset) not in wrong:
            await stream.ack(event)

    return handle


def raise_at(partition: int, offset: int) -> Handle:
    async def handle(stream: Any, event: Any) -> None:
        if (event.message.partition, event.message.offset) == (partition, offset):
            raise RuntimeError("no more")
        await stream.ack(event)

    return handle


async def test_messages_come_in_order_before_and_after_the_start(harness: Harness) -> None:
    seen = Seen()
    await fill(harness, 40)
    await start(harness, seen)
    await fill(harness, 40, first=40)
    await eventually(lambda: seen.counts() == [80] * PARTITIONS)
    for partition in range(PARTITIONS):
        assert seen.offsets[partition] == list(range(80))
        for offset in range(80):
            assert seen.messages[partition, offset].value == b"%d/%d" % (partition, offset)


async def test_messages_arrive_as_they_were_appended(harness: Harness) -> None:
    seen, before = Seen(), time.time()
    await harness.append(1, [b"\x00\xff", b""], tenant=b"acme", records=b"7")
    await start(harness, seen)
    await eventually(lambda: seen.counts()[1] == 2)
    message = seen.messages[1, 0]
    assert (message.topic, message.partition, message.offset) == (harness.topic, 1, 0)
    assert (message.key, message.value) == (b"key-1", b"\x00\xff")
    assert dict(message.headers) == {"tenant": b"acme", "records": b"7"}
    assert before - 0.001 <= message.timestamp <= seen.messages[1, 1].timestamp <= time.time()
    assert seen.messages[1, 1].value == b""


async def test_what_is_acknowledged_is_committed(harness: Harness) -> None:
    await fill(harness, 30)
    await start(harness, Seen())
    await eventually(is_committed(harness, 30, 30, 30))


async def test_commits_do_not_pass_what_was_not_acknowledged(harness: Harness) -> None:
    await fill(harness, 30)
    seen = Seen()
    app = await start(harness, seen, refuse((0, 0), (1, 17)))
    await eventually(is_committed(harness, 0, 17, 30))
    assert seen.counts() == [30] * PARTITIONS
    await app.stop()
    assert await committed(harness) == [0, 17, 30]


async def test_the_next_app_goes_on_at_the_committed_offsets(harness: Harness) -> None:
    await fill(harness, 30)
    seen = Seen()
    app = await start(harness, seen, refuse((1, 17)))
    await eventually(is_committed(harness, 30, 17, 30))
    await app.stop()
    again = Seen()
    await start(harness, again)
    await fill(harness, 5, first=30)
    await eventually(is_committed(harness, 35, 35, 35))
    assert [again.offsets[partition] for partition in range(PARTITIONS)] == [
        list(range(30, 35)),
        list(range(17, 35)),
        list(range(30, 35)),
    ]


async def test_an_agent_that_raises_ends_its_app_and_loses_nothing(harness: Harness) -> None:
    await fill(harness, 30)
    seen = Seen()
    app = await start(harness, seen, raise_at(1, 13))
    reason = await asyncio.wait_for(failed(app), 60)
    assert isinstance(reason, RuntimeError)
    assert str(reason) == "no more"
    begun = time.monotonic()
    await app.stop()
    assert time.monotonic() - begun < STOP_WITHIN_S
    assert (await committed(harness))[1] <= 13
    again = Seen()
    await start(harness, again)
    await eventually(is_committed(harness, 30, 30, 30))
    for partition in range(PARTITIONS):
        assert again.offsets[partition] == list(range(30 - len(again.offsets[partition]), 30))
        assert set(seen.offsets[partition]) | set(again.offsets[partition]) == set(range(30))
    assert 13 in again.offsets[1]


async def test_an_app_that_crashes_says_why(harness: Harness) -> None:
    app = await start(harness, Seen())
    error = OSError("the database is gone")
    waiting = asyncio.create_task(failed(app))
    await app.crash(error)
    assert await asyncio.wait_for(waiting, 60) is error


async def test_nothing_is_committed_after_a_crash(harness: Harness) -> None:
    crashed = asyncio.Event()

    async def handle(stream: Any, event: Any) -> None:
        if event.message.offset == 5:
            await stream.app.crash(OSError("the database is gone"))
            crashed.set()
        await stream.ack(event)

    await fill(harness, 4)
    app = await start(harness, Seen(), handle, take=1)
    await eventually(is_committed(harness, 4, 4, 4))
    await fill(harness, 10, first=4)
    await asyncio.wait_for(crashed.wait(), 60)
    await app.stop()
    assert max(await committed(harness)) <= 5


async def test_an_app_that_is_stopped_did_not_fail(harness: Harness) -> None:
    app = await start(harness, Seen())
    waiting = asyncio.create_task(failed(app))
    await app.stop()
    assert await asyncio.wait_for(waiting, 60) is None


async def test_a_claim_outlives_its_app_and_ends_with_its_commit(harness: Harness) -> None:
    await fill(harness, 30)
    app = await start(harness, Seen(), refuse((0, 0), (1, 0), (2, 0)))
    claims, one = harness.claims(app), TP(harness.topic, 1)
    await held(harness, app)
    assert await claims.claimed(one) is None
    claim = Claim(0, 20, '{"prices": "x"}')
    await claims.claim(one, claim)
    assert await claims.claimed(one) == claim
    await app.stop()

    app = await start(harness, Seen(), refuse((0, 0), (1, 0), (2, 0)))
    claims = harness.claims(app)
    await held(harness, app)
    assert [await claims.claimed(TP(harness.topic, each)) for each in range(PARTITIONS)] == [None, claim, None]
    assert [await claims.committed(TP(harness.topic, each)) for each in range(PARTITIONS)] == [0, 0, 0]
    await claims.commit(one, 20)
    assert await claims.claimed(one) is None
    await claims.claim(one, Claim(20, 25, ""))
    assert await claims.claimed(one) == Claim(20, 25, "")
    assert await claims.committed(one) == 20
    assert await committed(harness) == [0, 20, 0]


async def test_acknowledging_a_part_of_a_claimed_range_commits_none_of_it(harness: Harness) -> None:
    claimed = asyncio.Event()

    async def handle(stream: Any, event: Any) -> None:
        await claimed.wait()
        if event.message.partition != 1 or event.message.offset < 12:
            await stream.ack(event)

    await fill(harness, 30)
    app = await start(harness, Seen(), handle)
    await held(harness, app)
    claim, one = Claim(0, 20, "v1"), TP(harness.topic, 1)
    await harness.claims(app).claim(one, claim)
    claimed.set()
    await eventually(is_committed(harness, 30, 0, 30))
    await app.stop()
    assert await committed(harness) == [30, 0, 30]
    app = await start(harness, Seen(), refuse((1, 0)))
    await held(harness, app)
    assert await harness.claims(app).claimed(one) == claim


async def test_a_rebalance_is_told_and_loses_nothing(harness: Harness) -> None:
    seen, told = Seen(), []
    app = harness.make_app()

    @app.on_partitions_assigned.connect
    async def on_assigned(_app: Any, assigned: Any, **_options: Any) -> None:
        told.append(("assigned", {tp.partition for tp in assigned if tp.topic == harness.topic}))

    @app.on_partitions_revoked.connect
    async def on_revoked(_app: Any, revoked: Any, **_options: Any) -> None:
        if mine := {tp.partition for tp in revoked if tp.topic == harness.topic}:
            told.append(("revoked", mine))

    @app.agent(app.topic(harness.topic), name="agent")
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(5, within=0.02):
            for event in events:
                seen.add(event)
                await stream.ack(event)

    await fill(harness, 30)
    await app.start()
    await eventually(lambda: sum(seen.counts()) > 10)
    everything = set(range(PARTITIONS))
    assert told == [("assigned", everything)]
    await harness.rebalance(app)
    await fill(harness, 30, first=30)
    await eventually(lambda: told[1:] == [("revoked", everything), ("assigned", everything)])
    await eventually(is_committed(harness, 60, 60, 60))
    for partition in range(PARTITIONS):
        assert set(seen.offsets[partition]) == set(range(60))
        steps = zip(seen.offsets[partition], seen.offsets[partition][1:], strict=False)
        assert sum(later != earlier + 1 for earlier, later in steps) <= 1, "only the rebalance goes back"


@pytest.mark.parametrize(("size", "each"), [(10, 60), (200_000, 60), (5_000_000, 4)])
async def test_an_agent_that_is_behind_holds_few_messages(harness: Harness, size: int, each: int) -> None:
    go_on, queues = asyncio.Event(), []
    app = harness.make_app()

    @app.agent(app.topic(harness.topic), name="agent")
    async def agent(stream: Any) -> None:
        queues.append(stream.channel.queue)
        async for events in stream.noack_take(1, within=0.02):
            await go_on.wait()
            await stream.ack(events[0])

    for partition in range(PARTITIONS):
        await harness.append(partition, [bytes(size)] * each)
    await app.start()
    held: list[tuple[int, int]] = []

    def settled() -> bool:
        """Tell whether the same was held many times in a row, so that the consumer has stopped reading."""
        waiting = [event.message for event in queues[0]._queue] if queues else []
        held.append((len(waiting), sum(len(message.value) for message in waiting)))
        return held[-1][0] > 0 and len(held) > 40 and len(set(held[-40:])) == 1

    await eventually(settled)
    most_messages, most_bytes = harness.most_held
    assert held[-1][0] <= most_messages
    assert held[-1][1] <= most_bytes + size
    go_on.set()
    await eventually(is_committed(harness, each, each, each))


async def test_an_agent_that_is_behind_does_not_stop_another(harness: Harness) -> None:
    app, seen, blocked = harness.make_app(), [], asyncio.Event()
    other = app.topic(harness.other_topic)

    @app.agent(app.topic(harness.topic), name="behind")
    async def behind(stream: Any) -> None:
        async for events in stream.noack_take(1, within=0.02):
            await blocked.wait()
            await stream.ack(events[0])

    @app.agent(other, name="agent")
    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(10, within=0.02):
            for event in events:
                seen.append((event.message.partition, event.message.key, event.value, dict(event.message.headers)))
                await stream.ack(event)

    await fill(harness, 60)
    await app.start()
    for number in range(20):
        sent = await other.send(key=b"k", value=b"%d" % number, partition=2, headers={"n": b"%d" % number})
        await sent
    await eventually(lambda: len(seen) == 20)
    assert seen == [(2, b"k", b"%d" % number, {"n": b"%d" % number}) for number in range(20)]
    assert await committed(harness) == [0, 0, 0]


async def test_a_key_always_goes_to_the_same_partition(harness: Harness) -> None:
    seen = Seen()
    app = await start(harness, seen)
    topic = app.topic(harness.topic)
    for number in range(60):
        await (await topic.send(key=b"key %d" % (number % 20), value=b""))
    await eventually(lambda: sum(seen.counts()) == 60)
    keys = [{message.key for (where, _), message in seen.messages.items() if where == it} for it in range(PARTITIONS)]
    assert sum(len(each) for each in keys) == 20
    assert all(keys)


async def test_a_stop_waits_for_what_agents_have_taken(harness: Harness) -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def handle(stream: Any, event: Any) -> None:
        taken.set()
        await go_on.wait()
        await stream.ack(event)

    await harness.append(0, [b"x"] * 3)
    app = await start(harness, Seen(), handle, take=3)
    await asyncio.wait_for(taken.wait(), 60)
    stopping = asyncio.create_task(app.stop())
    await eventually(lambda: app.should_stop)
    go_on.set()
    await asyncio.wait_for(stopping, STOP_WITHIN_S)
    assert (await committed(harness))[0] == 3


async def test_a_stop_does_not_wait_for_ever(harness: Harness) -> None:
    seen, never = Seen(), asyncio.Event()

    async def handle(_stream: Any, _event: Any) -> None:
        await never.wait()

    await fill(harness, 30)
    app = await start(harness, seen, handle)
    await eventually(lambda: sum(seen.counts()) > 0)
    begun = time.monotonic()
    await app.stop()
    assert time.monotonic() - begun < STOP_WITHIN_S
    assert await committed(harness) == [0, 0, 0]
    await start(harness, Seen())
    await eventually(is_committed(harness, 30, 30, 30))
