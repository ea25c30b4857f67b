"""Queries of readers: bounded, read-only, cancelled when asked, ended when the database closes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sinks_reading as reading
from sinks_inside import Inside, a_process


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def test_each_failure_says_what_it_is(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.failures, tmp_path) == {
        **dict.fromkeys(("time", "rows", "memory"), "limit"),
        **dict.fromkeys(("write", "drop", "leave"), "read_only"),
        **dict.fromkeys(("syntax", "surrogate", "format"), "failed"),
        "fine": "fine",
        "tsv": "1\tx\n",
        "bytes": '{"a":"\ufffdA"}\n',
        "closed": "closed",
        "guest": "closed",
    }


REFUSED = [
    "SELECT 1 INTO OUTFILE $FILE",
    "select 1 into/**/outfile $FILE truncate",
    "SHOW TABLES INTO OUTFILE $FILE",
    "EXPLAIN SYNTAX SELECT 1 INTO OUTFILE $FILE",
    "INSERT INTO FUNCTION file($FILE, 'CSV', 'a Int32') SELECT 1",
    "WITH x AS (SELECT 1) INSERT INTO FUNCTION file($FILE, 'CSV', 'a Int32') SELECT * FROM x",
    "EXPLAIN PIPELINE INSERT INTO FUNCTION file($FILE, 'CSV', 'a Int32') SELECT 1",
    "SELECT 1 PARALLEL WITH INSERT INTO FUNCTION file($FILE, 'CSV', 'a Int32') SELECT 1",
    "CREATE TEMPORARY TABLE seen (a Int32)",
    "SET max_rows_to_read = 1",
    "USE system",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "ATTACH TABLE x",
    "BACKUP TABLE seen TO File($FILE)",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1 FORMAT CSV SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_threads = 1, readonly = 0",
    "SELECT 1 SETTINGS output_format_schema = $FILE",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = $FILE",
    "SELECT * FROM url('http://127.0.0.1:9/') SETTINGS max_threads = 1",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT file('/etc/hostname')",
    "SELECT * FROM (SELECT File('/dev/zero'))",
    "DESCRIBE file('/etc/hostname')",
    "DESCRIBE TABLE url('http://127.0.0.1:9/')",
    "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a Int32')",
    "SELECT * FROM s3('http://127.0.0.1:9/bucket/x.csv', 'CSV', 'a Int8')",
    "SELECT * FROM remote('127.0.0.1:9', 'system', 'one')",
    "SELECT * FROM mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
    "SELECT * FROM executable('x', 'TSV', 'a Int32')",
    "SELECT * FROM python(x)",
]


def test_a_guest_can_only_read(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.refusals, tmp_path, REFUSED) == dict.fromkeys(REFUSED, "read_only")


def test_a_guest_sends_one_statement(inside: Inside, tmp_path: Path) -> None:
    several = ["SELECT 1; SELECT 2", "SELECT 1; SET limit = 1", "SELECT 1; CREATE TEMPORARY TABLE seen (a Int32)"]
    assert inside(reading.refusals, tmp_path, several) == dict.fromkeys(several, "failed")


def test_the_statement_is_read_as_the_database_reads_it(inside: Inside, tmp_path: Path) -> None:
    expected = {
        "SELECT 1 ; -- done": "1\n",
        "SELECT ' SETTINGS a = 1', 2": '" SETTINGS a = 1",2\n',
        "SELECT 1, 2 SETTINGS format_csv_delimiter = ';', max_threads = 1;": "1;2\n",
        "SELECT getSetting('readonly') FORMAT TSV SETTINGS max_threads = 1": "1\n",
        "SELECT 'INTO OUTFILE', `a;b` FROM (SELECT 2 AS `a;b`);": '"INTO OUTFILE",2\n',
        "SELECT 1 AS a FORMAT CSVWithNames;": '"a"\n1\n',
        "SELECT 1 AS a FORMAT CSVWithNames -- it has a name": '"a"\n1\n',
        "(SELECT 1) UNION ALL (SELECT 1)": "1\n1\n",
        "FROM numbers(2) SELECT number": "0\n1\n",
        "/* q */ EXISTS TABLE seen": "1\n",
        "SELECT $$it's \\$$": '"it\'s \\"\n',
        "SELECT length('" + "x" * 600_000 + "')": "600000\n",
    }
    assert inside(reading.answers, tmp_path, list(expected)) == expected


def test_an_error_shows_the_text_that_was_given(inside: Inside, tmp_path: Path) -> None:
    wrong = {
        "SELECT 1,\n  2 FORM x y": "failed at position 20 (x) (line 2, col 10)",
        "SELECT nothing": "Unknown expression identifier `nothing`",
        "SELECT throwIf(1)": "Value passed to 'throwIf' function is non-zero",
        "SELECT 'open": "Single quoted string is not closed",
        "SELECT 1 FORMAT Nothing": "Nothing",
        "": "Empty query",
    }
    said = inside(reading.answers, tmp_path, list(wrong))
    for sql, part in wrong.items():
        assert part in said[sql]
        assert not any(ours in said[sql] for ours in ("FORMAT CSV", "/*", "formatQuery", "q:"))


def test_a_failed_query_leaves_nothing_in_front_of_the_next_result(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.left_behind, tmp_path)
    assert found.pop("writer") == [(7,)]
    assert found == {name: [b"1\n", b"1\n"] for name in ("rows", "arrow", "thrown", "memory")}


def test_guests_do_not_keep_the_program_waiting(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.guests_apart, tmp_path) == {"own": "fine", "third": "busy"}


def test_a_machine_that_does_not_answer_holds_nothing_up(tmp_path: Path) -> None:
    with a_process() as inside:
        found = inside(reading.asking_another_machine, tmp_path)
    assert (found["refused"], found["stuck"]) == ("failed", 1)
    assert found["refused in"] < 3
    assert found["closed in"] < 7


def test_queries_end_when_cancelled_and_when_the_database_closes(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.cancelled, tmp_path)
    assert [found[name] for name in ("early", "handle", "close")] == ["cancelled"] * 3
    assert not found["alive"]
    assert found["seconds"] < 15


def test_a_reader_that_stays_away_is_reported(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.busy, tmp_path) == "busy"
