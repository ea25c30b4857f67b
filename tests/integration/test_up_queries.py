"""Operators' queries while it runs: what they may keep waiting, and what is left when they or the process go."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from command_line import spanpulse
from otlp.requests import PROTOBUF, some_traces
from running import ENVIRONMENT, Running
from spanpulse_stream.control import RequestRefused

HEADERS = {"content-type": PROTOBUF}
QUERY_TIMEOUT_S = 600  # far more than anything here may wait
WITHIN_S = 60.0
FOREVER = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
RUNNING = "toInt64(count()) FROM system.processes WHERE query LIKE '%sipHash64(number)%' AND query NOT LIKE '%system%'"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {"SPANPULSE_QUERY_TIMEOUT": str(QUERY_TIMEOUT_S)}
    with Running(tmp_path_factory.mktemp("queries"), settings) as process:
        yield process


@pytest.fixture
def running(once: Running) -> Running:
    """Give the process that all tests share; one that was stopped starts again."""
    assert once.process is not None
    return once if once.process.poll() is None else once.start()


def until(true: Callable[[], bool], within: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within
    waiting = threading.Event()
    while not true():
        assert time.monotonic() < deadline
        waiting.wait(0.02)


def busy(running: Running) -> bool:
    try:
        running.one("1")
    except RequestRefused as refusal:
        return "other queries hold every session" in str(refusal)
    return False


def asking(running: Running, sql: str) -> "subprocess.Popen[bytes]":
    """`spanpulse sql` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "spanpulse", "sql", sql, "--data", str(running.data)],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_query_ends_when_its_client_goes_away(running: Running) -> None:
    client = asking(running, FOREVER)
    until(lambda: running.one(RUNNING) == 1)
    client.send_signal(signal.SIGKILL)
    client.wait()
    until(lambda: running.one(RUNNING) == 0)


def test_a_stop_does_not_wait_for_queries(running: Running) -> None:
    clients = [asking(running, FOREVER) for _ in range(3)]
    until(lambda: busy(running))
    begun = time.monotonic()
    assert running.stop() == 0, running.output
    assert time.monotonic() - begun < WITHIN_S
    assert [client.wait(WITHIN_S) for client in clients] == [2, 2, 2]
    running.start()  # it left the folder whole
    assert running.status()["ready"]


def test_no_query_asks_another_machine(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sql = f"SELECT * FROM url('http://127.0.0.1:{silent.getsockname()[1]}/x', 'CSV', 'a Int32')"
        done = spanpulse("sql", sql, "--data", str(running.data), folder=running.data.parent, within=WITHIN_S)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert (done.code, "readonly" in done.err) == (2, True)


def test_queries_keep_neither_the_pipeline_nor_the_status_waiting(running: Running) -> None:
    clients = [asking(running, FOREVER) for _ in range(6)]
    until(lambda: busy(running))
    for first in (1, 10):
        answer = httpx.post(f"{running.otlp}/v1/traces", content=some_traces(3, first=first), headers=HEADERS)
        answer.raise_for_status()
        assert running.drain(within=WITHIN_S)["completeness"]["stored"] >= 3
    for client in clients:
        client.kill()
        client.wait()
    until(lambda: running.one("1") == 1)


def test_sql_is_the_same_whether_it_runs_or_not(running: Running) -> None:
    statements = {
        "SELECT 1 INTO OUTFILE 'out.csv'": "INTO OUTFILE is refused",
        "INSERT INTO FUNCTION file('out.csv', 'CSV', 'a Int32') SELECT 1": "INSERT is refused",
        "SELECT 1,\n  2 FORM x y": "(line 2, col 10)",
        "SELECT '\udcff'": "UTF-8",
    }
    folder = running.data.parent
    live = {sql: spanpulse("sql", sql, "--data", str(running.data), folder=folder) for sql in statements}
    assert running.stop() == 0, running.output
    for sql, part in statements.items():
        offline = spanpulse("sql", sql, "--data", str(running.data), folder=folder)
        assert (offline.code, offline.out) == (2, "")
        assert live[sql] == offline
        assert part in offline.err
        assert "Traceback" not in offline.err
    assert not list(folder.rglob("out.csv"))
