"""The reader: equal questions are one query, what nobody waits for ends, everything has a bound."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from sinks_process import CONFIG
from spanpulse_dashboards._reader import MOST_DEAR, MOST_WAITING, Reader, Statement
from spanpulse_sinks.clickhouse import EmbeddedDatabase, QueryFailed, QueryLimits

SLOW = "SELECT sum(sipHash64(number)) AS found FROM numbers({rows:UInt64})"
FOREVER = {"rows": 10**12}
LIMITS = QueryLimits(seconds=120.0, rows=1000, result_bytes=2**20, memory_bytes=2**26)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.open(tmp_path_factory.mktemp("reader"), replace(CONFIG, readers=2)) as opened:
        yield opened


@pytest.fixture
async def reader(database: EmbeddedDatabase) -> AsyncIterator[Reader]:
    made = Reader(database, at_once=1, limits=LIMITS)
    yield made
    await made.close()


@pytest.fixture
async def wide(database: EmbeddedDatabase) -> AsyncIterator[Reader]:
    made = Reader(database, at_once=2, limits=LIMITS)
    yield made
    await made.close()


def text(value: str) -> Statement:
    return Statement("SELECT {value:String} AS value", {"value": value})


async def running(database: EmbeddedDatabase) -> int:
    sql = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%' AND query NOT LIKE '%processes%'"
    return int((await asyncio.to_thread(database.control.query, sql)).result_rows[0][0])


async def until_running(database: EmbeddedDatabase, count: int) -> None:
    async with asyncio.timeout(60):
        while await running(database) != count:  # noqa: ASYNC110 -- the engine tells nobody
            await asyncio.sleep(0.01)


async def test_equal_questions_at_one_time_are_one_query(reader: Reader) -> None:
    answers = await asyncio.gather(*(reader.rows(text("a"), edition="1") for _ in range(10)))
    assert reader.asked == 1
    assert all(answer.rows == ({"value": "a"},) for answer in answers)


async def test_answers_are_kept_by_edition_and_value(reader: Reader) -> None:
    for edition, value in [("1", "a"), ("1", "a"), ("2", "a"), ("2", "b"), ("1", "a")]:
        assert (await reader.rows(text(value), edition=edition)).rows == ({"value": value},)
    assert reader.asked == 3


async def test_without_an_edition_nothing_is_kept(reader: Reader) -> None:
    await reader.rows(text("a"))
    await reader.rows(text("a"))
    assert reader.asked == 2


async def test_a_query_ends_when_the_last_who_waits_goes(reader: Reader, database: EmbeddedDatabase) -> None:
    first, second = (asyncio.create_task(reader.rows(Statement(SLOW, FOREVER))) for _ in range(2))
    await until_running(database, 1)
    first.cancel()
    await asyncio.wait({first})
    assert await running(database) == 1
    second.cancel()
    await asyncio.wait({second})
    await until_running(database, 0)
    assert (await reader.rows(text("after"))).rows == ({"value": "after"},)


async def test_a_failure_is_everybodys_and_is_not_kept(reader: Reader) -> None:
    bad = Statement("SELECT throwIf({value:String} = 'x') AS found", {"value": "x"})
    answers = await asyncio.gather(*(reader.rows(bad, edition="1") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [QueryFailed] * 3
    with pytest.raises(QueryFailed):
        await reader.rows(bad, edition="1")
    assert reader.asked == 2


@pytest.mark.parametrize(
    ("sql", "limits"),
    [
        (SLOW, QueryLimits(seconds=0.2)),
        ("SELECT number FROM numbers({rows:UInt64})", QueryLimits(rows=10)),
        ("SELECT groupArray(number) AS found FROM numbers({rows:UInt64})", QueryLimits(memory_bytes=2**22)),
    ],
)
async def test_time_rows_and_memory_are_bounded(reader: Reader, sql: str, limits: QueryLimits) -> None:
    with pytest.raises(QueryFailed) as caught:
        await reader.rows(Statement(sql, FOREVER), limits=limits)
    assert caught.value.kind is QueryFailed.Kind.LIMIT


async def test_questions_that_wait_are_bounded(reader: Reader, database: EmbeddedDatabase) -> None:
    waiting = [asyncio.create_task(reader.rows(Statement(SLOW, {"rows": 10**12 + n}))) for n in range(MOST_WAITING)]
    await until_running(database, 1)
    with pytest.raises(QueryFailed) as caught:
        await reader.rows(text("one too many"))
    assert caught.value.kind is QueryFailed.Kind.BUSY
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_dear_questions_leave_room_for_the_others(wide: Reader, database: EmbeddedDatabase) -> None:
    dear = [asyncio.create_task(wide.rows(Statement(SLOW, {"rows": 10**12 + n}), dear=True)) for n in range(MOST_DEAR)]
    await until_running(database, 1)
    with pytest.raises(QueryFailed) as caught:
        await wide.rows(text("one too many"), dear=True)
    assert caught.value.kind is QueryFailed.Kind.BUSY
    async with asyncio.timeout(60):  # less than what the first of the dear ones may take
        for value in ("a", "b", "c"):
            assert (await wide.rows(text(value))).rows == ({"value": value},)
    assert await running(database) == 1
    assert not any(each.done() for each in dear)
    for task in dear:
        task.cancel()
    await asyncio.wait(dear)
    await until_running(database, 0)
    assert (await wide.rows(text("dear"), dear=True)).rows == ({"value": "dear"},)


async def test_closing_ends_what_runs_and_refuses_what_comes(database: EmbeddedDatabase) -> None:
    reader = Reader(database, at_once=1)
    asked = asyncio.create_task(reader.rows(Statement(SLOW, FOREVER)))
    await until_running(database, 1)
    await reader.close()
    with pytest.raises(QueryFailed):
        await asked
    with pytest.raises(QueryFailed) as caught:
        await reader.rows(text("late"))
    assert caught.value.kind is QueryFailed.Kind.CLOSED
