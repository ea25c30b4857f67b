"""Events that were taken before a rebalance: the partition may be another's by now, and they come again."""

from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Enricher, Incoming, Steps

NOW_S = 1_763_700_000.0
PLACE = TP("t", 3)


class Nothing:
    """Claims and a partition that have nothing to tell."""

    gaps = False

    def __init__(self) -> None:
        self.opened: list[TP] = []

    async def committed(self, _tp: TP) -> int:
        return 0

    async def claimed(self, _tp: TP) -> None:
        return None

    def unfinished(self, _first: int, _end: int | None) -> None:
        return None

    async def partition(self, tp: TP) -> Any:
        self.opened.append(tp)
        return self

    def landed(self, first: int) -> int:
        return first

    async def ends_before(self, _tp: TP, _offset: int) -> None:
        return None

    def abandon(self) -> None:
        return None

    def compute(self, _batch: list[Incoming], _versions: str) -> None:
        return None


async def crash(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(("taken_in", "opened"), [(1, []), (2, [PLACE])])
async def test_an_event_counts_in_the_generation_it_was_taken_in(taken_in: int, opened: list[TP]) -> None:
    nothing = Nothing()
    enricher = Enricher(nothing, Steps(nothing.partition, lambda: "v", crash), most_records=10)
    stream = SimpleNamespace(app=SimpleNamespace(consumer_generation_id=2))
    message = SimpleNamespace(generation_id=taken_in, tp=PLACE, offset=0, timestamp=NOW_S, headers={}, value=b"a")
    await enricher._gather(stream, SimpleNamespace(message=message), within=5.0)
    assert nothing.opened == opened
    assert enricher._lanes.keys() == set(opened)
    enricher._due_now()
