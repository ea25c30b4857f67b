"""Publishing between write and commit: every batch at least once and in order, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from recording import Batch, Journal, recording_steps
from spanpulse_stream.log import Claim
from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Enricher
from spanpulse_stream.transport import failed
from transports import HARNESSES, Harness, eventually


@dataclass
class Told:
    """What was published, in order; ``fails`` may raise before or after a batch is told of."""

    batches: list[Batch] = field(default_factory=list)
    fail_before: int | None = None
    fail_after: int | None = None

    async def publish(self, _tp: TP, batch: Batch) -> None:
        if self.fail_before is not None and batch.end > self.fail_before:
            raise ConnectionError("nobody takes it")
        self.batches.append(batch)
        if self.fail_after is not None and batch.end > self.fail_after:
            raise ConnectionError("its answer is lost")


@pytest.fixture(params=HARNESSES, ids=[harness.__name__ for harness in HARNESSES])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    made = request.param(request, tmp_path)
    await made.open()
    yield made
    await made.close()


async def start(harness: Harness, journal: Journal, told: Told) -> Any:
    app = harness.make_app()
    steps = replace(recording_steps(app, journal), publish=told.publish)
    enricher = Enricher(harness.claims(app), steps, most_records=10)

    @app.agent(app.topic(harness.topic), name="enrich")
    async def enrich(stream: Any) -> None:
        await enricher.run(stream, within=0.05)

    await app.start()
    return app


async def all_committed(harness: Harness, end: int) -> bool:
    return await harness.committed(0) >= end


def newest_written(journal: Journal) -> Any:
    """Return what says, as a database that others write to does, what has been written already."""

    def landed(tp: TP, first: int) -> int:
        return max([first, *(each.end for each in journal.batches if each.partition == tp.partition)])

    return landed


@pytest.mark.parametrize("when", ["fail_before", "fail_after"])
async def test_what_was_written_and_not_published_is_published_by_the_next_one(harness: Harness, when: str) -> None:
    """The database has the batch, so it could be skipped; nobody would ever hear of it then."""
    journal, told = Journal(), Told(**{when: 15})
    journal.landed = newest_written(journal)
    await harness.append(0, [b"value-%d" % number for number in range(40)])
    app = await start(harness, journal, told)
    assert isinstance(await asyncio.wait_for(failed(app), 60), ConnectionError)
    await app.stop()
    assert await harness.committed(0) == 10
    assert [batch.end for batch in journal.batches] == [10, 20]
    claim = await harness.claimed(0)
    assert claim == Claim(10, 20, "v1")

    told.fail_before = told.fail_after = None
    await start(harness, journal, told)
    await eventually(lambda: all_committed(harness, 40))
    again = 1 if when == "fail_after" else 0
    assert [batch.end for batch in told.batches] == [10, 20, *[20] * again, 30, 40]
    assert len({(batch.end, batch.digest) for batch in told.batches}) == 4, "a batch that came again is another one"
    assert sum(journal.skipped.values()) == 0


async def test_what_was_committed_before_is_skipped_and_told_of_no_more(harness: Harness) -> None:
    """Offsets that went back, with no claim at them: whoever committed above them has published what lies below."""
    journal, told = Journal(), Told()
    journal.landed = lambda _tp, first: max(first, 25)
    await harness.append(0, [b"value-%d" % number for number in range(40)])
    await start(harness, journal, told)
    await eventually(lambda: all_committed(harness, 40))
    assert told.batches[0].first == 25
    assert sum(journal.skipped.values()) >= 1
