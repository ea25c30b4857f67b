"""Rows of `shared_state` that have to be there: killed inserts, servers that say ok, answers that are none."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from spanpulse_sinks.clickhouse import QueryFailed, SinkError
from spanpulse_stream.cluster import _follow, _owner, _shared, _shared_rows, _used_prices
from spanpulse_stream.cluster._follow import Following
from spanpulse_stream.cluster._owner import Owner
from spanpulse_stream.cluster._shared import Shared
from spanpulse_stream.cluster._used_prices import UsedPrices
from spanpulse_stream.pipeline import PriceBooks
from spanpulse_stream.settings import Settings

MINE = Owner("spanpulse", "spanpulse", "id of the topic")
PAGE = b"<html>maintenance</html>"


class Server:
    """Keeps tokens as the server does: ``kills`` inserts die between their token and their row; ``liar``: no rows."""

    config = SimpleNamespace(database="spanpulse")

    def __init__(self, kills: int = 0, *, liar: bool = False) -> None:
        self.rows: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.kills = kills
        self.liar = liar
        self.settled = 0

    def insert(self, _table: str, rows: pa.RecordBatch, *, token: str) -> int:
        if token not in self.tokens:
            self.tokens.append(token)
            if self.kills:
                self.kills -= 1
                raise OperationalError("connection reset")
            if not self.liar:
                self.rows += rows.to_pylist()
        return int(rows.num_rows)

    def settle(self, _table: str) -> None:
        self.settled += 1

    def held(self, *_given: object, **_named: object) -> bytes:
        """Answer whose the database is."""
        newest = max(self.rows, key=lambda row: row["version"], default={"version": 0, "text": ""})
        found = {"found": len(self.rows), "generation": newest["version"], "owner": newest["text"]}
        return orjson.dumps(found)

    def prices(self, _database: object, _sql: str, *, parameters: dict[str, str], **_named: object) -> bytes:
        return b"".join(b'{"found":"1"}\n' for row in self.rows if row["kind"] == parameters["kind"])


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def started(kills: int = 0, *, liar: bool = False) -> Any:
        server = Server(kills, liar=liar)
        monkeypatch.setattr(_owner, "query", server.held)
        monkeypatch.setattr(_used_prices, "query", server.prices)
        monkeypatch.setattr(_shared_rows, "time", SimpleNamespace(sleep=lambda _seconds: None))
        return server

    return started


@pytest.mark.parametrize("kills", [0, 1, 3])
def test_whose_the_database_is_gets_in_although_its_insert_was_killed(serve: Callable[..., Any], kills: int) -> None:
    server = serve(kills)
    assert _owner._write(server, 1, MINE) == MINE
    assert [row["text"] for row in server.rows] == [orjson.dumps(asdict(MINE)).decode()]
    assert server.tokens == ["shared/log/1", *(f"shared/log/1/r{number + 1}" for number in range(kills))]
    assert server.settled == len(server.tokens)


def test_who_comes_second_adds_nothing(serve: Callable[..., Any]) -> None:
    server = serve(1)
    _owner._write(server, 1, MINE)
    assert _owner._write(server, 1, Owner("other", "other", "another id")) == MINE
    assert len(server.rows) == 1


def test_a_new_generation_is_looked_for_and_not_the_old_one(serve: Callable[..., Any]) -> None:
    server = serve()
    _owner._write(server, 1, MINE)
    server.kills = 1
    other = Owner("other", "other", "another id")
    assert _owner._write(server, 2, other) == other


def test_a_server_that_says_ok_and_keeps_nothing_is_told_of(serve: Callable[..., Any], tmp_path: Path) -> None:
    server = serve(liar=True)
    with pytest.raises(SinkError, match="whose the database is: it said ok"):
        _owner._write(server, 1, MINE)
    with pytest.raises(SinkError, match="the prices of this worker: it said ok"):
        publish(server, tmp_path)
    assert len(server.tokens) == 2 * _shared_rows.MOST_TOKENS


def publish(server: Any, folder: Path) -> list[str]:
    return UsedPrices(server, folder / "prices").publish(PriceBooks(None, folder / "prices").current.version, "me")


def test_prices_are_there_when_they_are_published(serve: Callable[..., Any], tmp_path: Path) -> None:
    server = serve(1)
    (kind,) = publish(server, tmp_path)
    assert [row["kind"] for row in server.rows] == [kind]
    assert publish(server, tmp_path) == []


@pytest.mark.parametrize("answer", [PAGE, b"ok\n", b"[1]\n", b'{"kind":"settings"}\n', b'"text"\n', b"\xff\n"])
def test_an_answer_that_is_none_is_a_failed_query(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes
) -> None:
    for module in (_shared, _used_prices):
        monkeypatch.setattr(module, "query", lambda *_given, **_named: answer)
    database: Any = None
    for asked in (
        Shared(database).newest,
        Shared(database).newest_keys,
        lambda: Shared(database).next_version("keys", 1),
        lambda: UsedPrices(database, tmp_path)._has("kind"),
    ):
        with pytest.raises(QueryFailed, match="the answer is not"):
            asked()


async def test_a_worker_outlives_a_page_of_a_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_shared, "query", lambda *_given, **_named: PAGE)
    monkeypatch.setattr(_follow, "EVERY_S", 0.01)
    database: Any = None
    following = Following(Settings(), Shared(database), PriceBooks(None, tmp_path / "prices"))
    before = following.versions
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await following.run()
    assert "what is known stays in force: the answer is not rows" in caplog.text
    assert following.versions == before
