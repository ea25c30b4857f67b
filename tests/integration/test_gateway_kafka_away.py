"""Kafka frozen and then killed for half a minute under load: answers stay quick, memory bounded, nothing is lost."""

import asyncio
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from kafka_reading import read_topic
from kafka_running import Kafka, make_topic
from otlp.requests import PROTOBUF, resource_spans, span, spans_of, traces

CHILD = Path(__file__).parents[1] / "gateway_child.py"
MIB = 1024 * 1024
BUFFER = 8 * MIB
TIMEOUT_S = 5.0
FROZEN_S, DEAD_S = 21.5, 1.0  # past the time after which a new producer is made
SENDERS = 24
SPANS, TEXT = 20, 8_000
DEADLINE_S = 60.0


@dataclass
class Load:
    """Senders that wait for each answer, and what they were told."""

    address: str
    phase: str = "before"
    stopped: bool = False
    acknowledged: set[int] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused_in: list[float] = field(default_factory=list)
    slowest: float = 0.0
    numbers: Iterator[int] = field(default_factory=lambda: count(1, SPANS))

    async def send(self, sender: int) -> None:
        resource = {"service.name": "shop", "service.instance.id": str(sender)}
        texts = [random.randbytes(TEXT // 2).hex() for _ in range(SPANS)]
        async with httpx.AsyncClient(base_url=f"http://{self.address}", timeout=DEADLINE_S) as client:
            while not self.stopped:
                first = next(self.numbers)
                body = traces(resource_spans(resource, [span(first + n, text) for n, text in enumerate(texts)]))
                await self.one(client, first, body)

    async def one(self, client: httpx.AsyncClient, first: int, body: bytes) -> None:
        answer = await client.post("/v1/traces", content=body, headers={"content-type": PROTOBUF})
        self.answers[self.phase, answer.status_code] += 1
        self.slowest = max(self.slowest, answer.elapsed.total_seconds())
        if answer.status_code == 200:
            self.acknowledged |= set(range(first, first + SPANS))
            await asyncio.sleep(0.05)  # a steady load, not as much as there can be
            return
        assert answer.status_code in {429, 503}
        assert int(answer.headers["retry-after"]) >= 1
        if self.phase == "away":
            self.refused_in.append(answer.elapsed.total_seconds())
        await asyncio.sleep(0.2)

    async def taken(self) -> None:
        """Wait until something is acknowledged that was not before."""
        had = len(self.acknowledged)
        deadline = time.monotonic() + DEADLINE_S
        while len(self.acknowledged) == had:
            assert time.monotonic() < deadline, self.answers
            await asyncio.sleep(0.02)


@dataclass
class Child:
    """A gateway in a process of its own."""

    otlp: str
    web: str
    process: psutil.Process

    async def readiness(self) -> int:
        return (await self._get("/readyz")).status_code

    async def held(self) -> float:
        found = re.search(r"\nspanpulse_kafka_held_bytes (\S+)", (await self._get("/metrics")).text)
        assert found
        return float(found[1])

    async def until(self, readiness: int) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while await self.readiness() != readiness:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)

    async def _get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=DEADLINE_S) as client:
            return await client.get(f"http://{self.web}{path}")


@contextmanager
def running(settings: dict[str, Any]) -> Iterator[Child]:
    command = [sys.executable, str(CHILD), json.dumps(settings)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout
            assert process.stdin
            otlp, _, web = [process.stdout.readline().decode().strip() for _ in range(3)]
            yield Child(otlp, web, psutil.Process(process.pid))
            process.stdin.close()
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


async def outage(kafka: Kafka, child: Child, load: Load, memory: list[int]) -> None:
    """Freeze the broker, then kill it, then start it again."""
    load.phase = "begins"
    kafka.freeze(0)
    try:
        begun = time.monotonic()
        await child.until(503)
        load.phase = "away"
        while time.monotonic() - begun < FROZEN_S:
            memory.append(child.process.memory_info().rss)
            assert await child.held() <= BUFFER
            await asyncio.sleep(0.5)
    finally:
        await asyncio.to_thread(kafka.kill, 0)
        await asyncio.sleep(DEAD_S)
        load.phase = "comes back"
        await asyncio.to_thread(kafka.start_broker, 0)


@pytest.mark.slow
@pytest.mark.long
async def test_half_a_minute_without_kafka(kafka):
    prefix = f"away-{time.time_ns()}"
    topic = await make_topic(kafka, 4, name=f"{prefix}.otlp")
    settings = {
        "kafka_brokers": kafka.bootstrap,
        "kafka_topic_prefix": prefix,
        "kafka_timeout": TIMEOUT_S,
        "kafka_buffer_bytes": BUFFER,
    }
    with running(settings) as child:
        await child.until(200)
        load, memory = Load(child.otlp), list[int]()
        async with asyncio.TaskGroup() as group:
            for sender in range(SENDERS):
                group.create_task(load.send(sender))
            await asyncio.sleep(1)
            await load.taken()
            before = child.process.memory_info().rss
            await outage(kafka, child, load, memory)
            await load.taken()
            await child.until(200)
            load.phase = "after"
            await load.taken()
            load.stopped = True
        assert await child.held() == 0
    assert load.answers["away", 200] == 0
    assert load.answers["away", 503] > SENDERS
    assert statistics.median(load.refused_in) < TIMEOUT_S  # at once, not after waiting
    assert load.slowest < 4 * TIMEOUT_S
    assert max(memory) - before < 4 * BUFFER + 32 * MIB
    records = await read_topic(kafka, topic)
    assert all(int(dict(record.headers)["records"]) == len(spans_of(record.value)) for record in records)
    stored = {int.from_bytes(one.span_id, "big") for record in records for one in spans_of(record.value)}
    assert load.acknowledged
    assert load.acknowledged <= stored
