"""What the ClickHouse server of the tests does wrong when a rule says so, as the real client sees it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError, StreamFailureError
from urllib3 import Timeout

from clickhouse_asking import ROWS, client, count, eventually, no_rules, post, server, table
from clickhouse_running import ClickHouse

__all__ = ["client", "no_rules", "server", "table"]


@pytest.mark.parametrize(("action", "applied"), [("reset", 0), ("drop_before", 0), ("drop_after", 1)])
def test_a_connection_lost_before_or_after_the_write(
    server: ClickHouse, client: Any, table: str, action: str, applied: int
) -> None:
    fault = server.faults.add(action, kind="insert", pattern=f"INTO {table}")
    with pytest.raises(OperationalError):
        client.raw_insert(
            table, insert_block=(part for part in (b"1,", b"one\n")), fmt="CSV"
        )  # which cannot be repeated
    assert fault.fired == 1
    assert server.faults.applied(table) == count(client, table) == applied


def test_the_client_repeats_an_insert_itself_and_the_token_drops_it(
    server: ClickHouse, client: Any, table: str
) -> None:
    server.faults.add("drop_after", kind="insert", pattern=table, count=1)
    client.raw_insert(table, insert_block=b"1,one\n", fmt="CSV", settings={"insert_deduplication_token": "x"})
    assert [each["token"] for each in server.faults.inserts(table)] == ["x", "x"]
    assert count(client, table) == 1


def test_refused_connections(server: ClickHouse, client: Any) -> None:
    server.faults.refuse()
    with pytest.raises(OperationalError, match="refused"):
        client.query("SELECT 1")
    assert not client.ping()
    server.faults.open()
    assert client.ping()
    fault = server.faults.add("hold", kind="select")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(post, server, "SELECT 1")
        fault.wait_waiting()
        server.faults.refuse(drop=True)
        assert isinstance(held.exception(), httpx.TransportError)
        fault.remove()


@pytest.fixture
def hasty(server: ClickHouse) -> Iterator[Any]:
    """Give a client that waits a second for an answer, from when it is connected."""
    with server.client(autogenerate_session_id=False) as made:
        made.timeout = Timeout(connect=10, read=1)
        yield made


def test_an_answer_that_never_comes(server: ClickHouse, client: Any, hasty: Any, table: str) -> None:
    fault = server.faults.add("hang", kind="insert", pattern=table)
    with pytest.raises(OperationalError, match="timed out"):
        hasty.raw_insert(table, insert_block=b"1,one\n", fmt="CSV")
    fault.wait_waiting()
    fault.release()
    eventually(lambda: fault.waiting == 0)
    assert count(client, table) == 0


def test_a_late_answer(server: ClickHouse, client: Any, table: str) -> None:
    fault = server.faults.add("slow", kind="insert", pattern=table, seconds=60)
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(post, server, b"1,one\n", query=f"INSERT INTO {table} FORMAT CSV")
        fault.wait_waiting()
        assert count(client, table) == 1
        assert not sent.done()
        fault.release()
        assert sent.result().status_code == 200


def test_a_write_of_a_client_that_has_gone(server: ClickHouse, client: Any, hasty: Any, table: str) -> None:
    fault = server.faults.add("hold", kind="insert", pattern=table, count=1)
    with pytest.raises(OperationalError):
        hasty.raw_insert(table, insert_block=b"1,one\n", fmt="CSV", settings={"insert_deduplication_token": "x"})
    client.raw_insert(table, insert_block=b"2,two\n", fmt="CSV", settings={"insert_deduplication_token": "y"})
    assert count(client, table) == 1
    fault.release()
    eventually(lambda: count(client, table) == 2)


@pytest.mark.parametrize("status", [500, 502])
def test_the_answer_of_a_proxy(server: ClickHouse, client: Any, table: str, status: int) -> None:
    server.faults.add("error_500", status=status)
    for request in (lambda: client.query("SELECT 1"), lambda: client.insert(table, ROWS)):
        with pytest.raises(DatabaseError, match=f"HTTP status {status}") as caught:
            request()
        assert caught.value.code is None
    server.faults.clear()
    assert count(client, table) == 0


@pytest.mark.parametrize(
    ("code", "text", "status", "said"),
    [
        (252, "", 500, "Too many parts"),
        (252, "partitions", 500, "Too many partitions for single INSERT block"),
        (241, "", 500, "memory limit exceeded"),
        (164, "", 500, "readonly mode"),
        (159, "", 408, "Timeout exceeded"),
        (202, "", 500, "Too many simultaneous queries"),
        (209, "", 503, "SOCKET_TIMEOUT"),
        (210, "", 500, "NETWORK_ERROR"),
        (242, "", 500, "TABLE_IS_READ_ONLY"),
        (243, "", 500, "NOT_ENOUGH_SPACE"),
        (319, "", 500, "UNKNOWN_STATUS_OF_INSERT"),
        (425, "", 500, "SYSTEM_ERROR"),
        (999, "", 500, "Coordination::Exception"),
        (516, "", 403, "AUTHENTICATION_FAILED"),
        (194, "", 401, "REQUIRED_PASSWORD"),
        (33, "as the test says", 500, "as the test says"),
    ],
)
def test_any_error_on_demand(
    server: ClickHouse, client: Any, table: str, code: int, text: str, status: int, said: str
) -> None:
    server.faults.add("code", kind="insert", pattern=table, code=code, text=text)
    answer = post(server, b"1,one\n", query=f"INSERT INTO {table} FORMAT CSV")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    with pytest.raises(ClickHouseError, match=said) as caught:
        client.raw_insert(table, insert_block=b"1,one\n", fmt="CSV")
    assert caught.value.code == code
    assert count(client, table) == 0


@pytest.mark.parametrize("summary", [True, False])
def test_a_lie(server: ClickHouse, client: Any, table: str, summary: bool) -> None:
    server.faults.add("lie", kind="insert", pattern=table, summary=summary, count=2)
    assert client.insert(table, ROWS).written_rows == (2 if summary else 0)
    arrow = pa.table({"a": pa.array([1, 2, 3], pa.uint64()), "b": ["x", "y", "z"]})
    assert client.insert_arrow(table, arrow).written_rows == (3 if summary else 0)
    assert count(client, table) == 0
    assert client.insert(table, ROWS).written_rows == 2
    assert count(client, table) == 2


@pytest.mark.parametrize("compress", ["lz4", False])
@pytest.mark.parametrize("code", [0, 241])
def test_half_an_answer(server: ClickHouse, compress: str | bool, code: int) -> None:
    server.faults.add("half", kind="select", pattern="cityHash64", code=code)
    with server.client(compress=compress, autogenerate_session_id=False) as client:
        with pytest.raises((StreamFailureError, OperationalError)) as caught:
            client.query("SELECT number, cityHash64(number) FROM numbers(100000)")
        assert caught.value.code == (code or None)
        assert client.query("SELECT 1").result_rows == [(1,)]


def test_rules_choose_by_kind_text_place_and_chance(server: ClickHouse, client: Any) -> None:
    def outcomes(times: int) -> list[bool]:
        return [post(server, "SELECT 'chosen'").status_code == 200 for _ in range(times)]

    first = server.faults.add("code", kind="insert", code=241)
    second = server.faults.add("code", pattern="not there", code=241)
    third = server.faults.add("code", kind="ping", code=241)
    placed = server.faults.add("code", pattern="chosen", code=241, skip=1, count=2)
    assert outcomes(5) == [True, False, False, True, True]
    assert not client.ping()
    assert [rule.fired for rule in (first, second, third, placed)] == [0, 0, 1, 2]
    drawn = []
    for _ in range(2):
        server.faults.clear()
        server.faults.add("code", pattern="chosen", code=241, probability=0.5, seed=7)
        drawn.append(outcomes(20))
    assert drawn[0] == drawn[1]
    assert 0 < sum(drawn[0]) < 20
    told = server.faults.counters()
    assert told["fired"]["code"] >= 3
    assert told["errors"]["241"] >= 3
    with pytest.raises(ValueError, match="no rule"):
        server.faults.add("explode")
