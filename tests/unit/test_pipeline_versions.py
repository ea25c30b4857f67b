"""What claims name: of a newer release it is refused, and prices are those that were asked for."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from spanpulse_sinks.clickhouse import QueryFailed, SinkError
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster import _owner as owner
from spanpulse_stream.pipeline import PriceBooks, Versions
from spanpulse_stream.pipeline._versions import NewerVersions
from spanpulse_stream.price import PriceBook

VERSIONS = Versions("p", "full", "all", 100, 10, 10, "7.1")


def test_versions_come_back() -> None:
    assert Versions.load(VERSIONS.dump()) == VERSIONS


def test_versions_of_a_newer_release_are_refused_with_what_they_say() -> None:
    text = json.dumps({**json.loads(VERSIONS.dump()), "new_limit": 5, "most": 1})
    with pytest.raises(NewerVersions, match=r"newer release \(7\.1\) .* under most, new_limit, .* must finish"):
        Versions.load(text)


@pytest.mark.parametrize("text", ["", "v", "[]", "null", "{}", '{"x": 1}', '{"prices": "p"}'])
def test_what_no_release_wrote_is_what_it_was(text: str) -> None:
    with pytest.raises((ValueError, TypeError)) as raised:
        Versions.load(text)
    assert not isinstance(raised.value, NewerVersions)


def test_prices_are_those_that_were_asked_for_whatever_is_put_in_force_meanwhile(tmp_path: Path) -> None:
    class Changing(PriceBooks):
        """Another thread puts other prices in force between any two reads."""

        @property
        def current(self) -> PriceBook:
            self.reads = getattr(self, "reads", 0) + 1
            return cast(PriceBook, books[min(self.reads, len(books)) - 1])

        @current.setter
        def current(self, _book: PriceBook) -> None:
            return None

    class Book:
        def __init__(self, version: str) -> None:
            self.version = version

    books = [Book("old"), Book("new")]
    assert Changing(None, tmp_path).of("old").version == "old"


def test_prices_of_before_are_those_that_were_asked_for_whatever_is_loaded_meanwhile(tmp_path: Path) -> None:
    class Other(PriceBooks):
        """Another thread asks for other prices between any two reads."""

        @property
        def _other(self) -> Any:
            self.reads = getattr(self, "reads", 0) + 1
            return Named("asked") if self.reads == 1 else Named("another")

        @_other.setter
        def _other(self, _book: Any) -> None:
            return None

    class Named:
        def __init__(self, version: str) -> None:
            self.version = version

    assert Other(None, tmp_path).of("asked").version == "asked"


def held(monkeypatch: pytest.MonkeyPatch, row: Any) -> tuple[int, Any]:
    answer = json.dumps({"found": "1", "generation": "4", "owner": json.dumps(row)}).encode()
    monkeypatch.setattr(owner, "query", lambda *_a, **_k: answer)
    return owner._held(cast(ServerDatabase, None))


def test_a_database_is_whose_the_row_says(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"prefix": "a", "group": "b", "sources": "c"}
    assert held(monkeypatch, row) == (4, owner.Owner(**row))


def test_a_row_of_a_newer_release_is_refused_with_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"prefix": "a", "group": "b", "sources": "c", "region": "d"}
    with pytest.raises(SinkError, match=r"newer release wrote down .* with region, which this one") as raised:
        held(monkeypatch, row)
    assert not isinstance(raised.value, QueryFailed)


@pytest.mark.parametrize("row", [[], None, "x", {}, {"prefix": "a"}, {"prefix": "a", "x": "b"}])
def test_a_row_that_no_release_wrote_does_not_say_whose_it_is(monkeypatch: pytest.MonkeyPatch, row: Any) -> None:
    with pytest.raises(QueryFailed, match="does not say whose"):
        held(monkeypatch, row)
