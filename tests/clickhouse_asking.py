"""Asking a ClickHouse server of the tests: over plain HTTP, or by the real client; and fixtures for modules that do."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from clickhouse_running import ClickHouse

__all__ = ["PASSWORD", "ROWS", "USER", "WITHIN", "client", "count", "eventually", "no_rules", "post", "server", "table"]

USER, PASSWORD = "writer", "a pass:word"
WITHIN = 60.0
ROWS = [[1, "one"], [2, "two"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """Give one server for a module, with a user."""
    with ClickHouse.start(tmp_path_factory.mktemp("clickhouse"), user=USER, password=PASSWORD) as running:
        yield running


@pytest.fixture(autouse=True)
def no_rules(server: ClickHouse) -> Iterator[None]:
    """Let no rule outlive its test."""
    yield
    server.faults.clear()
    server.faults.open()


@pytest.fixture
def client(server: ClickHouse) -> Iterator[Any]:
    """Give a client that does not ask twice."""
    with server.client(query_retries=0) as made:
        yield made


@pytest.fixture
def table(client: Any) -> str:
    """Give the name of an empty table that knows tokens."""
    name = f"t{uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a"
        " SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


def count(client: Any, table: str) -> int:
    """Return the number of rows of a table."""
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])


def post(server: ClickHouse, sql: str | bytes, **parameters: str) -> httpx.Response:
    """Send a statement, or an insert's data, as bare HTTP."""
    return httpx.post(server.url, params=parameters, content=sql, auth=(USER, PASSWORD), timeout=WITHIN)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
