"""A log that lost its end gives offsets out again: that ends the app before anything is passed over."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import ConsumerStoppedError, LeaderNotAvailableError

from agents import Claiming, Stream
from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP, PartitionLost
from spanpulse_stream.pipeline import Enricher, Steps
from spanpulse_stream.pipeline._steps import LogCutShort
from spanpulse_stream.transport import KafkaClaims
from spanpulse_stream.transport.kafka import _claims as kafka_claims

TP_0 = TP("spanpulse.otlp", 0)


class Parts:
    """The database has whole batches up to ``landed``, and a half written one up to ``half``."""

    def __init__(self, landed: int, half: int | None) -> None:
        self._landed, self._half = landed, half

    def landed(self, _first: int) -> int:
        return self._landed

    def unfinished(self, _first: int, _end: int | None) -> int | None:
        return self._half


async def opened(landed: int, half: int | None, end: int) -> Claiming:
    """Have an enricher open a partition whose log ends somewhere; return what it committed and claimed."""
    claims = Claiming()
    claims.ends = lambda _tp, offset: end if end < offset else None

    async def partition(_tp: TP) -> Any:
        return Parts(landed, half)

    async def crash(error: BaseException) -> None:
        raise error

    enricher = Enricher(claims, Steps(partition, lambda: "v", crash), most_records=10)
    stream = Stream({TP_0: [1]})
    try:
        await enricher._gather(stream, stream._event(TP_0), within=5.0)
    except LogCutShort:
        assert (claims.commits, claims.made) == ({}, []), "nothing may be passed over"
        raise
    enricher._due_now()
    return claims


@pytest.mark.parametrize(("landed", "half"), [(1000, None), (961, None), (950, 1000)])
async def test_a_log_that_ends_before_what_is_stored_is_refused(landed: int, half: int | None) -> None:
    told = f"spanpulse.otlp 0 ends at offset 960, .* up to {half or landed}: .*init --replace-log.* at most 960,"
    with pytest.raises(LogCutShort, match=told):
        await opened(landed, half, 960) if half is None else await opened(0, half, 960)


@pytest.mark.parametrize(("landed", "half"), [(0, None), (960, None), (0, 960)])
async def test_a_log_that_has_all_that_is_stored_is_none_of_those(landed: int, half: int | None) -> None:
    claims = await opened(landed, half, 960)
    assert claims.commits == ({TP_0: landed} if landed else {})
    assert claims.made == ([Claim(0, half, "v")] if half else [])


class Thread:
    """Answers one thing after the other, the last one for ever; an answer is an end, or an error."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def _ensure_consumer(self) -> None:
        return None

    async def ask(self, asked: Any) -> int:
        asked.close()
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def kafka(thread: Thread) -> tuple[KafkaClaims, Any]:
    ledger = SimpleNamespace(session=3)
    return KafkaClaims(SimpleNamespace(consumer=SimpleNamespace(_thread=thread, ledger=ledger))), ledger


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_claims, "ASK_EVERY_S", 0.001)


@pytest.mark.parametrize("answers", [(1000,), (1001,), (960, 960, 1000), (LeaderNotAvailableError(), 1000)])
async def test_one_answer_that_has_it_all_is_enough(answers: tuple[int | Exception, ...]) -> None:
    claims, _ = kafka(Thread(*answers))
    assert await claims.ends_before(TP_0, 1000) is None


async def test_a_log_that_ends_before_is_asked_for_again_and_again() -> None:
    thread = Thread(950, LeaderNotAvailableError(), TimeoutError(), 960)
    claims, _ = kafka(thread)
    assert await claims.ends_before(TP_0, 1000) == 960
    assert thread.asked == kafka_claims.ANSWERS + 2


async def test_a_partition_that_is_taken_away_is_not_asked_for_any_more() -> None:
    thread = Thread(960)
    claims, ledger = kafka(thread)
    ledger.session = 0

    async def ask(asked: Any) -> int:
        asked.close()
        ledger.session = 4
        return 960

    thread.ask = ask  # type: ignore[method-assign]
    with pytest.raises(PartitionLost):
        await claims.ends_before(TP_0, 1000)
    with pytest.raises(PartitionLost):
        await kafka(Thread(ConsumerStoppedError()))[0].ends_before(TP_0, 1000)
