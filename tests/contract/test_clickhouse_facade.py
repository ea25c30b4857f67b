"""The ClickHouse server of the tests, asked by the real client: it does what a server does."""

import gzip
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from clickhouse_asking import PASSWORD, ROWS, USER, WITHIN, client, count, eventually, no_rules, post, server, table
from clickhouse_running import ClickHouse, Tls
from spanpulse_sinks.clickhouse import EmbeddedConfig
from spanpulse_sinks.clickhouse._migrate import migrations

__all__ = ["client", "no_rules", "server", "table"]


def code_of(answer: httpx.Response) -> str:
    return str(answer.headers.get("X-ClickHouse-Exception-Code", ""))


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_rows_and_arrow_go_in_and_come_out_in_every_compression(
    server: ClickHouse, table: str, compress: str | bool
) -> None:
    with server.client(compress=compress, settings={"max_threads": 1}) as client:
        assert client.insert(table, ROWS, column_names=["a", "b"]).written_rows == 2
        arrow = pa.table({"a": pa.array([3], pa.uint64()), "b": ["three"]})
        assert client.insert_arrow(table, arrow).written_rows == 1
        assert client.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [(1, "one"), (2, "two"), (3, "three")]
        assert client.query_arrow(f"SELECT b FROM {table} ORDER BY a")["b"].to_pylist() == ["one", "two", "three"]


def test_raw_data_in_any_format_and_compression(client: Any, table: str) -> None:
    client.raw_insert(table, ["a", "b"], insert_block=b"1,one\n", fmt="CSV")
    client.raw_insert(table, insert_block=gzip.compress(b'{"a": 2, "b": "two"}'), fmt="JSONEachRow", compression="gzip")
    client.raw_insert(table, ["a", "b"], insert_block=(part for part in (b"3\t", b"three\n")), fmt="TSV")
    native = client.raw_query("SELECT toUInt64(3) AS a, 'drei' AS b", fmt="Native")
    client.raw_insert(table, insert_block=native, fmt="Native")
    client.command(f"INSERT INTO {table} (a, b) FORMAT CSV", data="4,four\n")
    client.command(f"INSERT INTO {table} VALUES (5, concat('fi', 've'))")
    client.command(f"INSERT INTO {table} SELECT a + 10, b FROM {table} WHERE a = 1")
    csv = client.raw_query(f"SELECT * FROM {table} ORDER BY a, b", fmt="CSV").decode()
    assert csv == '1,"one"\n2,"two"\n3,"drei"\n3,"three"\n4,"four"\n5,"five"\n11,"one"\n'
    with client.raw_stream("SELECT number FROM numbers(1000000)", fmt="RowBinary") as stream:
        assert len(stream.read()) == 8_000_000


def test_statements_without_a_result_and_empty_results(client: Any) -> None:
    assert client.command("SELECT 7") == 7
    assert client.command("SELECT 1 WHERE 0") == ""
    assert client.command("CREATE TABLE IF NOT EXISTS empty (a UInt8) ENGINE = Memory").written_rows == 0
    assert client.query("SELECT * FROM empty").result_rows == []
    assert client.query("SELECT a, 'x' AS b FROM empty LIMIT 0").column_names == ("a", "b")
    assert client.query("DESCRIBE TABLE empty").result_rows[0][:2] == ("a", "UInt8")
    assert client.ping()


def test_parameters_are_bound_by_the_engine_whatever_their_length(client: Any) -> None:
    given = {"text": "it's \\ a\ttab\nand {braces}", "list": ["a'b", "ü"], "none": None, "long": "x" * 50_000}
    sql = "SELECT {text:String}, {list:Array(String)}, {none:Nullable(Int8)}, {long:String}"
    assert client.query(sql, parameters=given).result_rows == [tuple(given.values())]


def test_headers_say_what_was_done(server: ClickHouse, table: str) -> None:
    answer = post(server, b"7,x\n8,y\n", query=f"INSERT INTO {table} FORMAT CSV", query_id="insert-1")
    assert answer.headers["X-ClickHouse-Query-Id"] == "insert-1"
    assert '"written_rows":"2"' in answer.headers["X-ClickHouse-Summary"]
    assert "X-ClickHouse-Format" not in answer.headers
    answer = post(server, f"SELECT a FROM {table}", default_format="JSONCompactEachRow", session_timezone="Asia/Tokyo")
    assert answer.text == "[7]\n[8]\n"
    assert answer.headers["X-ClickHouse-Format"] == "JSONCompactEachRow"
    assert answer.headers["X-ClickHouse-Timezone"] == "Asia/Tokyo"
    assert '"read_rows":"2"' in answer.headers["X-ClickHouse-Summary"]


def test_settings_are_those_of_a_request_alone(client: Any, server: ClickHouse) -> None:
    threads = "SELECT getSetting('max_threads'), getSetting('log_comment')"
    with server.client(autogenerate_session_id=False, settings={"max_threads": 3, "log_comment": "a'b"}) as other:
        assert other.query(threads).result_rows == [(3, "a'b")]
        assert other.query(threads, settings={"max_threads": 5}).result_rows == [(5, "a'b")]
        assert other.query(threads).result_rows == [(3, "a'b")]
    with server.client(autogenerate_session_id=False) as other:
        assert other.query(threads).result_rows[0][1] == ""


def test_unknown_settings_are_an_error_and_leave_nothing(server: ClickHouse) -> None:
    for name, code in (("no_such_setting", "115"), ("not-a-name", "115"), ("max_threads", "27")):
        answer = post(server, "SELECT 1", **{"max_block_size": "7", name: "word"})
        assert (answer.status_code, code_of(answer)) in {(404, "115"), (400, "27")}
        assert code_of(answer) == code
    assert post(server, "SELECT getSetting('max_block_size') != 7").text == "1\n"


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT nothing", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("SELECT * FROM no_such_table", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("INSERT INTO no_such_table FORMAT CSV 1", 404, 60, "UNKNOWN_TABLE"),
        (
            "SELECT sleepEachRow(0.2) FROM numbers(99) SETTINGS max_execution_time = 0.1, max_block_size = 1",
            408,
            159,
            "",
        ),
    ],
)
def test_errors_are_those_of_a_server(
    client: Any, server: ClickHouse, sql: str, status: int, code: int, name: str
) -> None:
    answer = post(server, sql)
    assert answer.status_code == status
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.count("(version ") == 1
    assert name in answer.text
    with pytest.raises(DatabaseError) as caught:
        client.command(sql)
    assert caught.value.code == code


def test_bad_data_leave_no_trace_of_how_they_reached_the_engine(client: Any, table: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, insert_block=b"1,one\nx,two\n", fmt="CSV")
    assert caught.value.code == 27
    assert "file" not in str(caught.value)
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, insert_block=b"no frame", fmt="CSV", compression="lz4")
    assert caught.value.code == 271
    assert count(client, table) == 0


def test_a_failed_query_leaves_nothing_in_the_next_answer(client: Any) -> None:
    for _ in range(3):
        with pytest.raises(DatabaseError):
            client.query("SELECT number, throwIf(number = 100000) FROM numbers(1000000) SETTINGS max_block_size = 1000")
        assert client.query("SELECT 'clean'").result_rows == [("clean",)]


def test_only_its_user_is_served(server: ClickHouse) -> None:
    for wrong in ({"password": "wrong"}, {"username": "default", "password": ""}):
        with pytest.raises(DatabaseError) as caught:
            server.client(**wrong)
        assert caught.value.code == 516
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    assert httpx.post(server.url, content="SELECT 1", headers=headers).text == "1\n"
    assert httpx.post(server.url, content="SELECT 1", headers=headers, auth=(USER, PASSWORD)).status_code == 403
    assert httpx.post(server.url, content="SELECT 1").status_code == 403
    assert httpx.get(f"{server.url}/ping").text == "Ok.\n"


def test_get_and_readonly_cannot_write(server: ClickHouse) -> None:
    sql = {"query": "CREATE TABLE from_get (a UInt8) ENGINE = Memory"}
    answer = httpx.get(server.url, params=sql, auth=(USER, PASSWORD))
    assert (answer.status_code, code_of(answer)) == (500, "164")
    for readonly in ("1", "2"):
        with server.client(settings={"readonly": readonly, "max_threads": 3}) as reader:
            for _ in range(2):
                assert reader.query("SELECT getSetting('max_threads')").result_rows == [(3,)]
            with pytest.raises(DatabaseError) as caught:
                reader.command(sql["query"])
            assert caught.value.code == 164
    assert post(server, "EXISTS from_get").text == "0\n"


def test_a_session_keeps_settings_database_and_temporary_tables(server: ClickHouse) -> None:
    with server.client(session_id="kept") as client:
        client.command("SET max_threads = 3")
        client.command("CREATE TEMPORARY TABLE mine AS SELECT 1 AS a")
        assert client.query("SELECT getSetting('max_threads'), a FROM mine").result_rows == [(3, 1)]
        other = client.query("SELECT getSetting('max_threads')", settings={"max_threads": 7})
        assert other.result_rows == [(7,)]
        assert client.query("SELECT getSetting('max_threads')", settings={"readonly": 2}).result_rows == [(3,)]
        client.command("USE system")
        assert (
            post(server, "SELECT currentDatabase(), getSetting('max_threads')", session_id="kept").text == "system\t3\n"
        )
    assert post(server, "SELECT currentDatabase()").text == "default\n"
    assert post(server, "SELECT * FROM mine", session_id="another").status_code == 404
    answer = post(server, "SELECT 1", session_id="never", session_check="1")
    assert code_of(answer) == "372"


def test_a_session_and_an_id_are_for_one_query_at_a_time(server: ClickHouse) -> None:
    long = "SELECT sleepEachRow(0.2) FROM numbers(1000) SETTINGS max_block_size = 1"
    with ThreadPoolExecutor() as pool:
        asked: list[Future[Any]] = []

        def is_busy() -> bool:
            if not asked or asked[-1].done():  # it met one of the questions below, and was refused itself
                asked.append(pool.submit(post, server, long, session_id="busy", query_id="once"))
            return code_of(post(server, "SELECT 1", session_id="busy")) == "373"

        eventually(is_busy)
        assert code_of(post(server, "SELECT 1", query_id="once")) == "216"
        post(server, "KILL QUERY WHERE query_id = 'once'")
        assert code_of(asked[-1].result()) == "394"
    assert post(server, "SELECT 1", session_id="busy", query_id="once").text == "1\n"


def test_a_token_drops_what_comes_again(client: Any, table: str) -> None:
    for token, rows in (("first", 2), ("first", 2), ("second", 4), ("first", 4)):
        summary = client.insert(table, ROWS, settings={"insert_deduplication_token": token})
        assert summary.written_rows == 2  # as a server says it, of dropped ones too: see _handler.py
        assert count(client, table) == rows
    data = [[9, "nine"]]
    client.insert(table, data)
    client.insert(table, data)  # without a token the content is one
    assert count(client, table) == 5


def test_the_client_asks_from_many_threads_while_others_insert(server: ClickHouse, client: Any, table: str) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with server.client(autogenerate_session_id=False) as own:
                for turn in range(10):
                    own.insert(table, [[number * 100 + turn, "x" * 1000]], column_names=["a", "b"])
                    assert count(own, table) >= turn + 1
        except BaseException as error:  # noqa: BLE001 -- told to the test
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert client.query(f"SELECT count(), uniqExact(a) FROM {table}").result_rows == [(80, 80)]


@pytest.mark.parametrize("where", ["query_id = 'to-kill'", "startsWith(Settings['log_comment'], 'mark:')"])
def test_kill_query_ends_it_from_another_connection(server: ClickHouse, client: Any, where: str) -> None:
    slow = "SELECT sleepEachRow(0.2) FROM numbers(1000) SETTINGS max_block_size = 1, log_comment = 'mark:1'"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(post, server, slow, query_id="to-kill")
        eventually(lambda: client.command(f"KILL QUERY WHERE {where} SYNC") != "")
        assert code_of(running.result()) == "394"


def test_a_killed_insert_is_an_error(server: ClickHouse, client: Any, table: str) -> None:
    client.command("CREATE TABLE slow (a UInt64) ENGINE = Null")
    client.command(f"CREATE MATERIALIZED VIEW slowly TO slow AS SELECT a + sleepEachRow(0.2) AS a FROM {table}")
    rows = b"".join(b"%d,x\n" % number for number in range(300))
    options = {"query_id": "slow-insert", "function_sleep_max_microseconds_per_block": "100000000"}
    with ThreadPoolExecutor() as pool:
        running = pool.submit(post, server, rows, query=f"INSERT INTO {table} FORMAT CSV", **options)
        eventually(lambda: client.command("KILL QUERY WHERE query_id = 'slow-insert'") != "")
        assert code_of(running.result()) == "394"
    client.command("DROP TABLE slowly")
    client.command("DROP TABLE slow")


def test_a_reader_that_left_is_not_answered_any_longer(server: ClickHouse, client: Any) -> None:
    slow = b"SELECT 'left', sleepEachRow(0.2) FROM numbers(1000)"
    running = "SELECT count() FROM system.processes WHERE query LIKE '%''left''%' AND query NOT LIKE '%processes%'"
    address = "/?readonly=1&max_block_size=1&cancel_http_readonly_queries_on_client_close=1"
    who = f"X-ClickHouse-User: {USER}\r\nX-ClickHouse-Key: {PASSWORD}\r\nContent-Length: {len(slow)}"
    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(f"POST {address} HTTP/1.1\r\n{who}\r\n\r\n".encode() + slow)
        eventually(lambda: client.command(running) == 1)
    eventually(lambda: client.command(running) == 0)


def test_the_schema_of_the_project_is_made_over_http_twice(server: ClickHouse) -> None:
    config = EmbeddedConfig()
    with server.client(autogenerate_session_id=False) as client:
        client.command("CREATE DATABASE spanpulse")
    with server.client(autogenerate_session_id=False, database="spanpulse") as client:
        for statement in 2 * [each for migration in migrations(config) for each in migration.statements]:
            client.command(statement)
        tables = {name for (name,) in client.query("SHOW TABLES").result_rows}
        assert {"span_rows", "batches", "rollup_minute", "spans"} <= tables
        assert client.query("SELECT * FROM spans").result_rows == []


def test_it_is_killed_frozen_and_started_again_at_its_place(tmp_path: Path) -> None:
    with ClickHouse.start(tmp_path / "own") as server:
        url = server.url
        with server.client(autogenerate_session_id=False) as client:
            window = "SETTINGS non_replicated_deduplication_window = 100"
            client.command(f"CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a {window}")
            client.insert("t", [[1]], settings={"insert_deduplication_token": "x"})
            server.kill()
            with pytest.raises(OperationalError):
                client.query("SELECT 1")
            server.restart()
            assert server.url == url
            client.insert("t", [[1]], settings={"insert_deduplication_token": "x"})
            assert count(client, "t") == 1
            server.freeze()
            with pytest.raises(httpx.TimeoutException):
                httpx.post(url, content="SELECT 1", timeout=0.5)
            server.thaw()
            assert httpx.post(url, content="SELECT 1", timeout=WITHIN).text == "1\n"
            assert server.cpu_seconds > 0
            assert server.process is not None
            pid = server.process.pid
            server.freeze()
    assert not psutil.pid_exists(pid)


def test_it_ends_with_the_tests_even_frozen(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, threading, time; from clickhouse_running import ClickHouse;"
        "found = [];"
        "starter = threading.Thread(target=lambda: found.append(ClickHouse.start(pathlib.Path(sys.argv[1]))));"
        "starter.start(); starter.join(); found[0].client(); found[0].freeze();"
        "print(found[0].process.pid, flush=True); time.sleep(600)"
    )
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", program, str(tmp_path / "own")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": tests}) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        status = psutil.Process(pid).status()
        parent.kill()
    assert status == psutil.STATUS_STOPPED
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_tls_with_and_without_a_certificate_of_the_client(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run([*make.split(), *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with ClickHouse.start(tmp_path / "own", tls=Tls(certificate, key, clients=certificate)) as server:
        assert server.url.startswith("https://")
        own = {"client_cert": str(certificate), "client_cert_key": str(key), "tls_mode": "strict"}
        with server.client(**own) as client:
            assert client.query("SELECT 1").result_rows == [(1,)]
        with pytest.raises(OperationalError):
            server.client()
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET /ping HTTP/1.1\r\n\r\n")
            with suppress(ConnectionError):
                assert not plain.recv(100).startswith(b"HTTP")
