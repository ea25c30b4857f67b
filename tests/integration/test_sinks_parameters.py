"""Values from outside reach a query as typed parameters: whatever they hold, they stay values."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase, QueryFailed, query

HOSTILE = [
    *(
        "",
        " ",
        "a'b",
        "''",
        'a"b',
        "a`b",
        "a\\b",
        "\\'",
        "\\",
        "\\N",
        "\\0",
        "\\x41",
        "NULL",
        "a\0b",
        "a\tb\nc\rd\be\ff",
    ),
    *("{x}", "{value:String}", "%s %(value)s %%", "$a$", "/* q: */", "--", "#", "'; DROP TABLE span_rows --"),
    *("\x1b[31m", "\u202eabc", "\u2028", "\ufeff", "日本", "\U0001d11e", "x" * 5_000, "[1,2]", "['a']", "1 OR 1 = 1"),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.open(tmp_path_factory.mktemp("parameters"), CONFIG) as opened:
        yield opened


def one(database: EmbeddedDatabase, sql: str, **parameters: Any) -> dict[str, Any]:
    (line,) = query(database, sql, parameters=parameters).splitlines()
    return dict(orjson.loads(line))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_text_comes_back_as_it_was(database: EmbeddedDatabase, value: str) -> None:
    sql = (
        "SELECT {value:String} AS value, {list:Array(String)} AS list, {value:String} IN {list:Array(String)} AS inside"
    )
    assert one(database, sql, value=value, list=[value, "other"]) == {
        "value": value,
        "list": [value, "other"],
        "inside": 1,
    }


def test_every_type_that_is_used_is_bound(database: EmbeddedDatabase) -> None:
    sql = (
        "SELECT {a:Int64} AS a, {b:Float64} AS b, toUnixTimestamp({c:DateTime('UTC')}) AS c, {d:Nullable(String)} AS d,"
        " {e:Array(Int64)} AS e"
    )
    found = one(database, sql, a=-(2**62), b=1.5, c=1_700_000_000, d=None, e=[1, 2])
    assert found == {"a": -(2**62), "b": 1.5, "c": 1_700_000_000, "d": None, "e": [1, 2]}


@pytest.mark.parametrize("value", ["1 OR 1", "abc", "", "1.5"])
def test_a_value_that_is_not_of_its_type_is_an_error(database: EmbeddedDatabase, value: str) -> None:
    with pytest.raises(QueryFailed):
        one(database, "SELECT {a:Int64} AS a", a=value)
    assert one(database, "SELECT {a:Int64} AS a", a=1) == {"a": 1}


def test_places_and_values_must_be_the_same(database: EmbeddedDatabase) -> None:
    for sql in ("SELECT 1", "SELECT %(a)s", "SELECT {b:Int64}", "SELECT {a:Int64} + {b:Int64}"):
        with pytest.raises(ValueError, match="places"):
            one(database, sql, a=1)


def test_an_integer_that_would_wrap_around_is_an_error(database: EmbeddedDatabase) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        one(database, "SELECT {a:Int64} AS a", a=2**64)


def test_a_value_that_is_no_unicode_is_an_error(database: EmbeddedDatabase) -> None:
    with pytest.raises(QueryFailed, match="UTF-8"):
        one(database, "SELECT {a:String} AS a", a="\ud800")


def test_a_value_does_not_stay_for_the_next_query(database: EmbeddedDatabase) -> None:
    assert one(database, "SELECT {a:String} AS a", a="kept") == {"a": "kept"}
    with pytest.raises(QueryFailed):
        one(database, "SELECT {a:String} AS a")
