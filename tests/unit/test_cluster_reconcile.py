"""The reconciler in a worker: who runs it, what it sends and to which partition, and that nothing ends it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_sinks.clickhouse import QueryFailed
from spanpulse_stream.cluster import _reconcile
from spanpulse_stream.cluster._reconcile import Reconciling
from spanpulse_stream.decisions import HEADERS, Decision, Decisions, Finding, Look
from spanpulse_stream.kafka import KafkaAway, KafkaUnusable, KnownSources, Outgoing, TopicsRefused
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.partitions import TP
from spanpulse_stream.settings import Settings

OWN = TP("spanpulse.otlp", 0)
PLACES = {5: ("spanpulse.otlp", 3), 6: ("otlp_json", 1)}
DECISION = Decision(1, 0, 1000, "default", "a" * 32, "b" * 16, "duplicate", dropped=True)


class Part:
    """What stands around it: an app's partitions, a sender, and a reconciler that finds what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
        settings = Settings(
            kafka_collector_topics=("otlp_json:traces:otlp_json",),
            kafka_brokers=("127.0.0.1:9",),
            reconcile_every=0.001,
        )
        self.mine: set[TP] = {OWN}
        self.metrics = Metrics("1")
        app = SimpleNamespace(consumer=SimpleNamespace(assignment=lambda: self.mine))
        self.waiting = 0
        self.part = Reconciling(settings, self.metrics, app, lambda: self.waiting)
        self.findings = list(findings)
        self.sent: list[Outgoing] = []
        self.noted: list[Finding] = []
        self.looks = 0
        self.failing: list[Exception] = []
        self.refusing: dict[str, Exception] = {}
        monkeypatch.setattr(self.part._sources, "known", self._known)
        monkeypatch.setattr(self.part._sender, "send", self._send)
        monkeypatch.setattr(self.part, "_look", self._look)
        self.part._reconciler = SimpleNamespace(sent=self.noted.extend)  # type: ignore[assignment]

    async def _known(self, topics: Any) -> KnownSources:
        return KnownSources(PLACES, 0)

    async def _send(self, messages: list[Outgoing]) -> None:
        if (error := self.refusing.get(messages[0].topic)) is not None:
            raise error
        self.sent += messages

    def _look(self) -> Look:
        self.looks += 1
        if self.failing:
            raise self.failing.pop()
        return Look(self.findings, 7, 1.5)

    async def until(self, looks: int) -> None:
        """Run until it has looked so often, and stop it."""
        running = asyncio.create_task(self.part.run())
        await when(lambda: self.looks >= looks or running.done())
        assert not running.done()
        running.cancel()
        await self.part.stop()


async def when(true: Callable[[], bool]) -> None:
    """Wait until something is true. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 -- it changes in a thread
            await asyncio.sleep(0.001)


def findings(source: int, count: int) -> list[Finding]:
    return [Finding(source, replace(DECISION, log_offset=number)) for number in range(count)]


async def test_decisions_reach_the_partition_that_they_are_about(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Part(monkeypatch, *findings(6, 251), *findings(5, 2))
    await made.part.once()
    assert [(each.topic, each.partition, each.headers) for each in made.sent] == [
        ("spanpulse.otlp", 3, HEADERS),
        ("otlp_json", 1, HEADERS),
        ("otlp_json", 1, HEADERS),
    ]
    assert Decisions.decode(made.sent[0].value, "otlp_proto") == Decisions(5, tuple(f.decision for f in findings(5, 2)))
    assert len(Decisions.decode(made.sent[1].value, "otlp_json").decisions) == 250
    assert len(made.noted) == 253
    assert made.metrics.value(catalog.RECONCILE_DECISIONS, "duplicate") == 253
    assert made.metrics.value(catalog.RECONCILE_SPANS) == 7
    assert made.metrics.value(catalog.RECONCILE_BEHIND) == 1.5
    await made.part.stop()


@pytest.mark.parametrize("error", [TopicsRefused("not allowed"), KafkaUnusable("too large")])
async def test_a_topic_that_takes_none_is_let_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    made = Part(monkeypatch, *findings(5, 300), *findings(6, 1))
    made.refusing["spanpulse.otlp"] = error
    await made.part.once()
    await made.part.once()
    assert [each.topic for each in made.sent] == ["otlp_json", "otlp_json"]
    assert made.metrics.value(catalog.RECONCILE_REFUSED, "refused") == 250
    assert [str(error) in record.getMessage() for record in caplog.records] == [True]
    await made.part.stop()


async def test_what_no_message_can_hold_is_counted_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Finding(5, replace(DECISION, tenant="x" * 5000))
    made = Part(monkeypatch, *findings(5, 2), wrong)
    await made.part.once()
    assert len(made.noted) == 2
    assert made.metrics.value(catalog.RECONCILE_REFUSED, "unspeakable") == 1
    await made.part.stop()


async def test_nothing_ends_it(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(_reconcile, "warm_up_union", lambda: None)
    made = Part(monkeypatch, *findings(5, 1))
    made.failing = [QueryFailed(QueryFailed.Kind.FAILED, "away"), QueryFailed(QueryFailed.Kind.FAILED, "away")]
    made.failing = [ValueError("a mistake"), KafkaAway("away"), *made.failing]
    await made.until(6)
    assert made.sent
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


async def test_another_worker_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reconcile, "warm_up_union", lambda: None)
    made = Part(monkeypatch, *findings(5, 1))
    made.mine = {TP("spanpulse.otlp", 1), TP("otlp_json", 0)}
    running = asyncio.create_task(made.part.run())
    await when(lambda: made.part._reconciler is None)
    assert made.looks == 0
    made.mine = {OWN}
    await when(lambda: made.looks > 0)
    running.cancel()
    await made.part.stop()


async def test_a_backlog_is_drained_before_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(monkeypatch, Finding(5, DECISION))
    part.waiting = 51
    running = asyncio.create_task(part.part.run())
    await when(lambda: part.part._mine_since is not None)
    assert part.looks == 0
    part.waiting = 50
    await when(lambda: part.looks >= 1 or running.done())
    running.cancel()
    await part.part.stop()
