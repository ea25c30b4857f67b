"""Commits that wait for a Kafka that is away, on a clock of their own, and what Kafka owes an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka import _answers as answers_module
from spanpulse_stream.transport.kafka._answers import Answers, ask_whether_kafka_answers
from spanpulse_stream.transport.kafka._committer import PATIENCE_STOPPING_S, Committer
from spanpulse_stream.transport.kafka._errors import CommitGaveUp

DAY_S = 86_400.0
OFFSETS = {TP("otlp", 0): (7, "")}


class Loop(asyncio.SelectorEventLoop):
    """Nobody waits: its clock goes on by as much as is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0

    def time(self) -> float:
        return super().time() + self._passed

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        handle = super().call_at(when, callback, *args, context=context)
        self.call_soon(self._pass)
        return handle

    def _pass(self) -> None:
        timers = [each for each in self._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
        if timers and not self._ready:  # type: ignore[attr-defined]
            self._passed += max(0.0, min(each.when() for each in timers) - self.time())


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


class Kafka:
    """A thread that commits: it fails until ``back`` on the clock of the loop."""

    def __init__(self, loop: Loop, back: float) -> None:
        self._loop = loop
        self._back = loop.time() + back
        self.answers = Answers()
        self.troubles: list[str | None] = []

    async def ask(self, asked: Awaitable[None]) -> None:
        await asked

    async def commit(self, _session: int, _offsets: Any) -> None:
        self.troubles.append(self.answers.trouble)
        if self._loop.time() < self._back:
            raise KafkaConnectionError("away")


def committed(loop: Loop, kafka: Kafka, patience: float, *, stopping: bool = False) -> float:
    """Commit, and return how many seconds that took."""
    thread: Any = kafka
    begun = loop.time()
    committer = Committer(thread, lambda: stopping, patience, kafka.answers)
    try:
        loop.run_until_complete(committer.surely(1, OFFSETS))
    finally:
        assert kafka.answers.trouble is None
    return loop.time() - begun


def test_a_commit_waits_for_as_long_as_kafka_is_away(loop: Loop) -> None:
    kafka = Kafka(loop, 3600)
    assert 3600 <= committed(loop, kafka, DAY_S) < 3610
    assert kafka.troubles[0] is None
    assert all("Kafka takes no commit" in str(trouble) for trouble in kafka.troubles[1:])


@pytest.mark.parametrize(("stopping", "patience"), [(False, 30.0), (True, PATIENCE_STOPPING_S)])
def test_it_gives_up_when_its_patience_is_over(loop: Loop, stopping: bool, patience: float) -> None:
    kafka = Kafka(loop, DAY_S)
    begun = loop.time()
    with pytest.raises(CommitGaveUp):
        committed(loop, kafka, 30.0, stopping=stopping)
    assert patience <= loop.time() - begun < patience + 5


async def asked(answers: Answers, answer: str | BaseException | None) -> str | None:
    async def ask() -> str | None:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    await ask_whether_kafka_answers(answers, ask, 1)
    return answers.trouble


async def test_a_sign_of_life_that_fails_is_told_until_one_comes() -> None:
    answers = Answers()
    assert await asked(answers, None) is None
    assert "KafkaConnectionError" in str(await asked(answers, KafkaConnectionError("away")))
    assert await asked(answers, "no broker leads otlp/3") == "no broker leads otlp/3"
    answers.owed("commit", "a commit")
    assert await asked(answers, None) == "a commit"
    answers.came("commit")
    assert answers.trouble is None


async def test_what_does_not_pass_is_raised() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await asked(Answers(), GroupAuthorizationFailedError())


async def test_a_broker_that_is_silent_owes_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "SILENT_S", 0.05)
    answers = Answers()

    async def ask() -> str | None:
        await asyncio.Event().wait()
        return None

    await ask_whether_kafka_answers(answers, ask, 1)
    assert "has not answered" in str(answers.trouble)
