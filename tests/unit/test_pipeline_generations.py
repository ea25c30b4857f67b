"""Events that were taken before a rebalance: the partition may be another's by now, and they come again."""

from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_stream.pipeline import Enricher, Incoming, Steps

NOW_S = 1_763_700_000.0


class Nothing:
    """Claims and a partition that have nothing to tell."""

    def __init__(self) -> None:
        self.opened: list[int] = []

    async def claimed(self, _partition: int) -> None:
        return None

    async def partition(self, number: int) -> Any:
        self.opened.append(number)
        return self

    def compute(self, _batch: list[Incoming], _versions: str) -> None:
        return None


async def crash(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(("taken_in", "opened"), [(1, []), (2, [3])])
async def test_an_event_counts_in_the_generation_it_was_taken_in(taken_in: int, opened: list[int]) -> None:
    nothing = Nothing()
    enricher = Enricher(nothing, Steps(nothing.partition, lambda: "v", crash), most_records=10)
    stream = SimpleNamespace(app=SimpleNamespace(consumer_generation_id=2))
    tp = SimpleNamespace(topic="t", partition=3)
    message = SimpleNamespace(
        generation_id=taken_in, partition=3, tp=tp, offset=0, timestamp=NOW_S, headers={}, value=b"a"
    )
    await enricher._gather(stream, SimpleNamespace(message=message), within=5.0)
    assert nothing.opened == opened
    assert enricher._lanes.keys() == set(opened)
    enricher._wake_now()
