"""Writing once to a server over HTTP, whatever the server or the way to it does, and two processes at a time."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from clickhouse_running import ClickHouse
from sinks_batches import DAY, SPANS, batch
from sinks_process import expected
from spanpulse_sinks.clickhouse import (
    Batch,
    BatchWriter,
    QueryFailed,
    QueryLimits,
    Retention,
    Retry,
    SchemaMissing,
    SinkError,
    WriteFailed,
    query,
)
from spanpulse_sinks.clickhouse.server import ServerConfig, ServerDatabase
from spanpulse_sinks.clickhouse.server._inserts import token_of

TABLES = ("seen", "span_rows", "rollup_minute", "batches")
QUICK = Retry(attempts=40, first=0.01, most=0.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with ClickHouse.start(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture(scope="module")
def prepared(server: ClickHouse) -> ServerConfig:
    made = ServerConfig("127.0.0.1", server.port, connect_timeout=2, timeout=5, retention=Retention(3650, 3650, 3650))
    ServerDatabase.prepare(made)
    return made


@pytest.fixture
def config(server: ClickHouse, prepared: ServerConfig) -> Iterator[ServerConfig]:
    yield prepared
    server.faults.clear()
    server.faults.open()


@pytest.fixture
def database(config: ServerConfig) -> Iterator[ServerDatabase]:
    opened = ServerDatabase.connect(config)
    yield opened
    opened.close()


class Log:
    """A log source of a test's own, and a day of its own."""

    numbers = count(1)

    def __init__(self) -> None:
        number = next(self.numbers)
        self.source, self.day = number, DAY - timedelta(days=number)

    def batch(self, number: int) -> Batch:
        return batch(number, source=self.source, day=self.day)

    def counts(self, database: ServerDatabase) -> dict[str, Any]:
        def row(select: str) -> list[int]:
            return [int(value) for value in database.writer.query(f"SELECT {select}").result_rows[0]]

        places = {"batches": "first_offset", "span_updates": "log_offset"}
        found: dict[str, Any] = {}
        for table in ("seen", "span_rows", "span_updates", "batches"):
            place = places.get(table, "(log_offset, ordinal)")
            found[table] = row(f"count(), uniqExact({place}) FROM {table} WHERE log_source = {self.source}")
        found["rollup_minute"] = row(f"sum(requests) FROM rollup_minute WHERE received_day = '{self.day}'")
        found["rollup_service"] = row(f"sum(spans) FROM rollup_service WHERE received_day = '{self.day}'")
        return found

    def write(self, database: ServerDatabase, numbers: range, *, retry: Retry = QUICK) -> BatchWriter:
        writer = BatchWriter(database, retry=retry)
        for number in numbers:
            writer.write(self.batch(number))
        return writer


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_batch_that_comes_again_changes_nothing(database: ServerDatabase, log: Log) -> None:
    log.write(database, range(3))
    again = BatchWriter(database, retry=QUICK)
    reports = [again.write(log.batch(number)) for number in range(4)]
    assert log.counts(database) == expected(4, SPANS)
    assert [bool(report.inserted) for report in reports] == [False, False, False, True]


def test_a_batch_is_one_part_a_table(database: ServerDatabase, log: Log) -> None:
    log.write(database, range(3))
    rows = database.writer.query(
        "SELECT table, count() FROM system.parts WHERE active AND database = currentDatabase()"
        f" AND table IN {TABLES} AND partition = '{log.day}' GROUP BY table"
    ).result_rows
    assert {parts for _, parts in rows} == {3}
    assert len(rows) == len(TABLES)


FAULTS: dict[str, dict[str, Any]] = {
    "dropped after": {"action": "drop_after"},
    "dropped before": {"action": "drop_before"},
    "reset": {"action": "reset"},
    "ok without a word": {"action": "lie", "summary": False},
    "500 of a proxy": {"action": "error_500"},
    "too many parts": {"action": "code", "code": 252},
    "memory": {"action": "code", "code": 241},
    "read only": {"action": "code", "code": 164},
    "timeout": {"action": "code", "code": 159},
    "network": {"action": "code", "code": 210},
    "keeper": {"action": "code", "code": 999},
    "no answer in time": {"action": "slow", "seconds": 7.0},
}


SLOW = "no answer in time"  # as long as the timeout; for one table


@pytest.mark.parametrize(
    ("fault", "table"), [(fault, table) for fault in FAULTS for table in TABLES if fault != SLOW or table == TABLES[1]]
)
def test_a_fault_of_an_insert_leaves_each_row_once(
    server: ClickHouse, database: ServerDatabase, fault: str, table: str, log: Log
) -> None:
    rule = server.faults.add(kind="insert", pattern=f"INTO {table} ", count=2, skip=1, **FAULTS[fault])
    log.write(database, range(4))
    assert rule.fired == 2
    assert log.counts(database) == expected(4, SPANS)


def test_a_fault_while_it_looks_is_looked_again(server: ClickHouse, database: ServerDatabase, log: Log) -> None:
    server.faults.add("drop_after", kind="insert", pattern="INTO span_rows ", count=1)
    rule = server.faults.add("half", kind="select", pattern="cityHash64", count=3)
    log.write(database, range(2))
    assert rule.fired
    assert log.counts(database) == expected(2, SPANS)


def test_rows_of_too_many_partitions_are_never_tried_again(
    server: ClickHouse, database: ServerDatabase, log: Log
) -> None:
    text = "Too many partitions for single INSERT block (more than 1)."
    rule = server.faults.add("code", kind="insert", pattern="INTO span_rows ", code=252, text=text)
    with pytest.raises(WriteFailed, match="permanent after 1"):
        log.write(database, range(1))
    assert rule.fired == 1


def test_a_token_without_its_rows_does_not_hide_a_repetition(config: ServerConfig, log: Log) -> None:
    """The server was killed between the token and the rename: the token is there, and drops what comes again."""
    alone = replace(config, database="poisoned", timeout=60)  # a mutation takes its time, the more parts the more
    ServerDatabase.prepare(alone)
    database = ServerDatabase.connect(alone)
    writer = log.write(database, range(1))
    token = token_of("span_rows", log.batch(1), 0)
    rows = log.batch(1).tables["span_rows"]
    assert rows is not None
    assert database.insert("span_rows", rows, token=token) == SPANS
    database.writer.command(
        f"ALTER TABLE span_rows DELETE WHERE log_source = {log.source} AND log_offset >= {log.batch(1).first_offset}",
        settings={"mutations_sync": 2},
    )
    assert writer.write(log.batch(1), suspect=True).inserted["span_rows"] == SPANS
    assert log.counts(database) == expected(2, SPANS)
    database.close()


def test_who_slept_over_his_claim_writes_nothing_twice(
    server: ClickHouse, config: ServerConfig, database: ServerDatabase, log: Log
) -> None:
    """A writer's insert is under way when another one takes the batch over; then it arrives."""
    log.write(database, range(1))
    held = server.faults.add("hold", kind="insert", pattern="INTO span_rows ", count=1)
    other = ServerDatabase.connect(config)
    sleeper = threading.Thread(target=lambda: BatchWriter(other, retry=QUICK).write(log.batch(1)))
    sleeper.start()
    held.wait_waiting()
    BatchWriter(database, retry=QUICK).write(log.batch(1))
    held.release()
    sleeper.join(30)
    other.close()
    assert log.counts(database) == expected(2, SPANS)


def test_two_writers_of_one_batch_write_it_once(config: ServerConfig, database: ServerDatabase, log: Log) -> None:
    others = [ServerDatabase.connect(config) for _ in range(2)]
    for number in range(4):
        both = [
            threading.Thread(target=lambda it=it, number=number: BatchWriter(it, retry=QUICK).write(log.batch(number)))
            for it in others
        ]
        for each in both:
            each.start()
        for each in both:
            each.join(30)
    for each in others:
        each.close()
    assert log.counts(database) == expected(4, SPANS)


def test_a_server_that_is_away_is_waited_for(server: ClickHouse, database: ServerDatabase, log: Log) -> None:
    log.write(database, range(1))
    server.faults.refuse(drop=True)
    patient = BatchWriter(database, retry=Retry(attempts=1, first=0.05, most=0.2, patience=30))
    writing = threading.Thread(target=lambda: patient.write(log.batch(1)))
    writing.start()
    writing.join(2)
    assert writing.is_alive()
    assert database.breaker.open
    server.faults.open()
    writing.join(30)
    assert log.counts(database) == expected(2, SPANS)


def test_patience_ends(server: ClickHouse, database: ServerDatabase, log: Log) -> None:
    server.faults.refuse(drop=True)
    with pytest.raises(WriteFailed, match="transient"):
        log.write(database, range(1), retry=Retry(attempts=1, first=0.05, most=0.1, patience=0.5))


def test_a_killed_server_loses_nothing_and_doubles_nothing(
    server: ClickHouse, database: ServerDatabase, log: Log
) -> None:
    for number in range(4):
        rule = server.faults.add("hold", kind="insert", pattern="INTO rollup_minute ", count=1)
        patient = BatchWriter(database, retry=Retry(attempts=1, first=0.05, most=0.2, patience=60))
        writing = threading.Thread(target=lambda it=patient, number=number: it.write(log.batch(number)))
        writing.start()
        rule.wait_waiting()
        server.kill()
        server.restart()
        writing.join(60)
        assert not writing.is_alive()
    assert log.counts(database) == expected(4, SPANS)


def test_queries_are_bound_and_bounded(database: ServerDatabase, log: Log) -> None:
    answer = query(database, "SELECT {a:String} AS a", parameters={"a": "x'; DROP TABLE spans"}, output_format="CSV")
    assert answer == b'"x\'; DROP TABLE spans"\n'
    with pytest.raises(QueryFailed) as caught:
        query(database, "SELECT number FROM numbers(1000)", limits=QueryLimits(rows=10))
    assert caught.value.kind is QueryFailed.Kind.LIMIT
    with pytest.raises(QueryFailed) as caught:
        query(database, "INSERT INTO batches SELECT * FROM batches")
    assert caught.value.kind is QueryFailed.Kind.READ_ONLY


def test_the_schema_is_asked_for(server: ClickHouse) -> None:
    with pytest.raises(SchemaMissing, match="spanpulse init"):
        ServerDatabase.connect(ServerConfig("127.0.0.1", server.port, database="default"))


def test_init_may_be_repeated_and_keeps_rows(config: ServerConfig, database: ServerDatabase, log: Log) -> None:
    log.write(database, range(2))
    assert ServerDatabase.prepare(config) == ServerDatabase.prepare(config)
    assert log.counts(database) == expected(2, SPANS)


def test_what_is_sent_is_small(database: ServerDatabase, log: Log) -> None:
    rows = pa.RecordBatch.from_pydict({"a": pa.array(["text" * 100] * 1000)})
    from spanpulse_sinks.clickhouse.server._database import _stream  # noqa: PLC0415

    assert len(_stream(rows)) * 10 < rows.nbytes


def test_a_token_names_the_place_in_the_log(log: Log) -> None:
    assert token_of("seen", log.batch(1), 0) == f"seen/{log.source}/4-7"
    assert token_of("seen", log.batch(1), 2) == f"seen/{log.source}/4-7/r2"


def test_a_folder_of_certificates_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"missing\.pem"):
        ServerDatabase.reach(ServerConfig("127.0.0.1", 1, tls=True, ca=tmp_path / "missing.pem"))
