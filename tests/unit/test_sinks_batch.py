"""What a batch refuses, how failures are told apart, floors of the disk, dead letters, percentile expressions."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from sinks_batches import DAY, batch
from spanpulse_sinks import clickhouse
from spanpulse_sinks.clickhouse import (
    MEASURES,
    Batch,
    DiskState,
    QueryFailed,
    Retry,
    SinkError,
    disk_state,
    percentiles,
)
from spanpulse_sinks.clickhouse._config import EmbeddedConfig
from spanpulse_sinks.clickhouse._errors import Failure, failure_of_query
from spanpulse_sinks.clickhouse._migrate import migrations, statements
from spanpulse_sinks.dead_letters import DeadLetter, dead_letter_rows


def changed(**tables: pa.RecordBatch | None) -> Batch:
    whole = batch(0)
    return replace(whole, tables={**whole.tables, **tables})


def test_the_tables_of_a_batch_come_in_their_order_with_batches_last() -> None:
    whole = changed(scores=None, dead_letters=batch(0).tables["seen"].slice(0, 0))
    assert [table for table, _ in whole.filled()] == [
        *("seen", "span_rows", "span_updates", "rollup_minute", "rollup_service", "batches")
    ]


def test_a_batch_of_two_days_is_refused() -> None:
    rows = [batch(number, day=DAY + timedelta(days=number)).tables["span_rows"] for number in (0, 1)]
    both = pa.Table.from_batches(rows).combine_chunks().to_batches()[0]
    with pytest.raises(ValueError, match=r"2026-11-20.*2026-11-21"):
        changed(span_rows=both)


def test_rollups_of_another_day_are_refused() -> None:
    with pytest.raises(ValueError, match="rollup_minute has rows received on"):
        changed(rollup_minute=batch(0, day=DAY + timedelta(days=1)).tables["rollup_minute"])


def test_a_batch_without_its_row_in_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="batches"):
        changed(batches=None)


def test_a_table_that_no_batch_writes_is_refused() -> None:
    with pytest.raises(ValueError, match="migrations"):
        changed(migrations=batch(0).tables["seen"])


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (4, 3)])
def test_offsets_that_are_no_range_are_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        replace(batch(0), first_offset=first, last_offset=last)


def test_one_insert_stays_below_256_mib() -> None:
    rows = batch(0).tables["seen"]
    assert rows is not None
    large = pa.array(["x" * 2**20] * 40)
    heavy = rows.append_column("a", large).append_column("b", large).append_column("c", large)
    for name in "defg":
        heavy = heavy.append_column(name, large)
    with pytest.raises(ValueError, match="one insert takes less"):
        changed(seen=heavy)


class CodedError(Exception):
    def __init__(self, code: int | None, message: str = "") -> None:
        super().__init__(message)
        self.code = code


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (CodedError(243), Failure.NO_SPACE),
        (CodedError(246), Failure.BROKEN),
        (CodedError(33), Failure.BROKEN),
        (CodedError(432, "Unknown codec: (while reading from part x"), Failure.BROKEN),
        (CodedError(241, "Memory limit: (while reading from part x"), Failure.TRANSIENT),
        (CodedError(16), Failure.PERMANENT),
        (CodedError(252), Failure.TRANSIENT),
        (CodedError(None), Failure.TRANSIENT),
        (OSError(28, "No space left on device"), Failure.TRANSIENT),
    ],
)
def test_failures_are_told_apart(error: Exception, failure: Failure) -> None:
    assert Failure.of(error) is failure


@pytest.mark.parametrize(("code", "kind"), [(159, "limit"), (394, "cancelled"), (164, "read_only"), (62, "failed")])
def test_failed_queries_are_told_apart(code: int, kind: str) -> None:
    failed = failure_of_query(CodedError(code, "why"))
    assert (failed.kind, str(failed)) == (kind, "why")
    assert isinstance(failed, SinkError)
    assert isinstance(failed, QueryFailed)


def test_waits_double_up_to_a_bound_with_jitter() -> None:
    waits: list[float] = []
    for chance in (0.0, 1.0):
        retry = Retry(first=0.1, most=1.0, sleep=waits.append, random=lambda chance=chance: chance)
        for failures in (1, 2, 3, 9):
            retry.wait(failures)
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.5, 0.15, 0.3, 0.6, 1.5])


@pytest.mark.parametrize(
    ("free", "state"), [(1000, DiskState.OK), (999, DiskState.LOW), (100, DiskState.LOW), (99, DiskState.FULL)]
)
def test_the_floors_of_the_disk(free: int, state: DiskState) -> None:
    assert disk_state(Path("x"), floor=1000, full=100, free=lambda _: free) is state


def test_the_disk_is_asked(tmp_path: Path) -> None:
    assert disk_state(tmp_path, floor=1, full=0) is DiskState.OK
    assert disk_state(tmp_path, floor=1 << 62, full=0) is DiskState.LOW


def test_dead_letters_are_bounded_and_say_so() -> None:
    letters = [
        DeadLetter(5, -1, 1_700_000_000_123, "default", "traces", "truncated", "at byte 7", b"\xff\x00"),
        DeadLetter(6, 2, 1_700_000_000_124, "default", "logs", "too_deep", "d" * 5000, b"x" * 11),
    ]
    rows = dead_letter_rows(7, letters, most_bytes=10)
    assert rows is not None
    assert rows["bytes"].to_pylist() == [b"\xff\x00", b"x" * 10]
    assert rows["detail"].to_pylist() == ["at byte 7", "d" * 1000 + " (the first 10 of 11 bytes are kept)"]
    assert rows["received_at"].cast(pa.int64()).to_pylist() == [1_700_000_000_123, 1_700_000_000_124]
    assert (rows["log_source"].to_pylist(), rows["ordinal"].to_pylist()) == ([7, 7], [-1, 2])
    assert dead_letter_rows(7, []) is None


@pytest.mark.parametrize("levels", [[], [0.0], [1.01], [0.5, -1]])
def test_levels_outside_of_0_to_1_are_refused(levels: list[float]) -> None:
    with pytest.raises(ValueError, match="levels"):
        percentiles("latency", levels)


def test_migrations_are_numbered_without_gaps_and_leave_no_placeholder() -> None:
    known = migrations(EmbeddedConfig())
    assert [migration.version for migration in known] == list(range(1, len(known) + 1))
    for migration in known:
        for statement in migration.statements:
            assert statement.startswith(("CREATE", "ALTER", "TRUNCATE", "INSERT"))
            left = statement.replace("{condition}", "")
            for parameter in ("{since:DateTime('UTC')}", "{until:DateTime('UTC')}") * ("VIEW scores_by_call" in left):
                left = left.replace(parameter, "")
            assert "{" not in left


def test_statements_end_at_the_end_of_a_line() -> None:
    text = "-- a; comment\nCREATE TABLE a (b String DEFAULT ';') -- why\n{ttl:spans};\n\nCREATE VIEW v AS SELECT 1;\n"
    table, view = statements(text, EmbeddedConfig())
    assert table == "CREATE TABLE a (b String DEFAULT ';')\nTTL toDate(received_at) + toIntervalDay(30)"
    assert view == "CREATE VIEW v AS SELECT 1"


def test_the_measures_are_named_once() -> None:
    assert len(MEASURES) == 24


def test_the_exported_names() -> None:
    assert sorted(clickhouse.__all__) == sorted(set(clickhouse.__all__))
    assert all(hasattr(clickhouse, name) for name in clickhouse.__all__)
