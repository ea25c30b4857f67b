"""The enricher over the transport: once each, in order, and after any failure the same batches again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from recording import Batch, Journal, recording_steps
from spanpulse_stream.pipeline import Enricher
from spanpulse_stream.transport import failed
from transports import PARTITIONS, LocalHarness, eventually


@pytest.fixture
async def local(tmp_path: Path) -> Any:
    harness = LocalHarness(tmp_path / "log")
    await harness.open()
    yield harness
    await harness.close()


async def start(harness: LocalHarness, journal: Journal, versions: str = "v1", **bounds: int) -> Any:
    """Start an app with an enricher; ``bounds`` are the enricher's."""
    app = harness.make_app()
    options = {"most_records": 10, **bounds}
    enricher = Enricher(harness.claims(app), recording_steps(app, journal, versions), **options)

    @app.agent(app.topic(harness.topic), name="enrich")
    async def enrich(stream: Any) -> None:
        await enricher.run(stream, within=0.05)

    await app.start()
    return app


def values(count: int, start: int = 0) -> list[bytes]:
    return [b"value-%d" % number for number in range(start, start + count)]


async def all_committed(harness: LocalHarness, end: int, partitions: int = PARTITIONS) -> bool:
    return all([await harness.committed(partition) >= end for partition in range(partitions)])


def whole(batches: list[Batch], partition: int, end: int) -> None:
    """Assert that batches of a partition follow each other from 0 to ``end``, each once."""
    mine = [batch for batch in batches if batch.partition == partition]
    assert [batch.first for batch in mine] == [0, *(batch.end for batch in mine[:-1])]
    assert mine[-1].end == end


async def test_everything_is_written_once_and_in_order(local: LocalHarness) -> None:
    journal = Journal()
    for partition in range(PARTITIONS):
        await local.append(partition, values(40))
    await start(local, journal)
    for partition in range(PARTITIONS):
        await local.append(partition, values(40, 40))
    await eventually(lambda: all_committed(local, 80))
    for partition in range(PARTITIONS):
        whole(journal.batches, partition, 80)
    assert max(batch.end - batch.first for batch in journal.batches) == 10


async def test_batches_are_bounded_in_bytes(local: LocalHarness) -> None:
    journal = Journal()
    await local.append(0, [bytes(1000)] * 50)
    await start(local, journal, most_records=1000, most_bytes=4_500)
    await eventually(lambda: all_committed(local, 50, 1))
    whole(journal.batches, 0, 50)
    assert max(batch.end - batch.first for batch in journal.batches) == 4


@pytest.mark.parametrize("step", ["compute", "write", "written"])
async def test_a_failing_step_ends_the_app_and_the_next_one_goes_on(local: LocalHarness, step: str) -> None:
    def fail(now: str, batch: Batch) -> None:
        if now == step and batch.partition == 1 and batch.end > 15:
            raise OSError("the disk is gone")

    journal = Journal(fails=fail)
    for partition in range(PARTITIONS):
        await local.append(partition, values(40))
    app = await start(local, journal)
    reason = await asyncio.wait_for(failed(app), 10)
    assert isinstance(reason, OSError)
    await app.stop()
    claim = local.log.claimed(local.topic, 1)
    assert (claim is not None) == (step != "compute")
    before = [batch for batch in journal.batches if batch.partition == 1]

    journal.fails = lambda _step, _batch: None
    await start(local, journal, "v2", most_records=7)
    await eventually(lambda: all_committed(local, 40))
    after = [batch for batch in journal.batches if batch.partition == 1][len(before) :]
    if claim is not None:
        assert (after[0].first, after[0].end, after[0].versions) == (claim.first, claim.end, claim.versions)
    if step == "written":
        assert after[0] == before[-1]
        whole([*before[:-1], *after], 1, 40)
    else:
        whole([*before, *after], 1, 40)
