"""What reads all shards finds what one database has: every table and view, and every figure and list of the page."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

from dashboards_truth import backend_of, filled, scope_of
from sharded_reading import halved, whole
from spanpulse_dashboards import services
from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.traces._lists import Page, list_traces
from spanpulse_dashboards.traces._models import Order
from spanpulse_dashboards.traces._orders import ORDERS
from spanpulse_dashboards.traces._search import search_traces, understand
from spanpulse_dashboards.traces._story import read_story, trace_of
from spanpulse_sinks.clickhouse import TABLES, EmbeddedDatabase, SchemaMissing, query
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster import Shared

SCOPES = ("range=24h", "range=6h&tenant=acme")
SCORES_BY_CALL = "scores_by_call(since = '2000-01-01 00:00:00', until = '2100-01-01 00:00:00')"
VIEWS = (
    *("spans", "requests_by_minute", "requests_by_model", "requests_by_experiment", "requests_by_user"),
    *("services_by_minute", "scores_by_minute", "scores_by_experiment"),
    SCORES_BY_CALL,
)
Data = tuple[ServerDatabase, ServerDatabase, datetime]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    folder = tmp_path_factory.mktemp("shards")
    with whole(folder / "clickhouse") as (server, config):
        one = ServerDatabase.connect(config)
        now = filled(folder, cast(EmbeddedDatabase, one), spread_ms=60_000)
        both = halved(server, config)
        yield one, both, now
        both.close()
        one.close()


@pytest.fixture
async def backends(data: Data) -> AsyncIterator[tuple[Backend, Backend]]:
    made = [backend_of(cast(EmbeddedDatabase, each), data[2]) for each in data[:2]]
    yield made[0], made[1]
    for each in made:
        await each.reader.close()


def content(database: ServerDatabase, name: str) -> bytes:
    return query(database, f"SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM {name}", output_format="CSV")


def shards_of(database: ServerDatabase, name: str) -> set[str]:
    return set(query(database, f"SELECT DISTINCT shardNum() FROM {name}", output_format="CSV").decode().split())


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_every_table_and_view_has_the_rows_of_all_shards(data: Data, name: str) -> None:
    one, both, _ = data
    assert content(one, name) == content(both, name)


def test_both_shards_have_rows(data: Data) -> None:
    assert all(shards_of(data[1], name) == {"1", "2"} for name in ("span_rows", "spans", "rollup_minute", "batches"))


def test_a_subquery_is_asked_of_all_shards(data: Data) -> None:
    """A late text, an update or a trace may be on another shard than the row that is looked at."""
    several = "SELECT trace_id FROM span_rows GROUP BY trace_id HAVING count() > 1"
    asked = (
        "SELECT count() FROM spans WHERE trace_id IN (SELECT trace_id FROM span_rows WHERE log_offset % 2)",
        f"SELECT count() FROM span_rows AS s JOIN ({several}) AS t USING trace_id",
        "SELECT count(input_text), count(output_text), sum(length(output_text)) FROM spans",
    )
    for sql in asked:
        found = [query(each, sql, output_format="CSV") for each in data[:2]]
        assert found[0] == found[1]
        assert found[0][:1] != b"0"


def test_a_late_score_finds_its_call_on_another_shard(data: Data) -> None:
    one, both, _ = data
    place = "log_source, log_offset, ordinal, received_at, tenant, time, evaluator, name, value, response_id"
    late = (
        "SELECT 4242, log_offset + 1, 0, received_at, tenant, end_time + 60, 'person', 'late', 1, response_id"
        " FROM spans WHERE response_id IS NOT NULL AND counted"
    )
    one.writer.command(f"INSERT INTO scores ({place}) {late}")
    by_model = (
        f"SELECT model, count(), sum(length(trace_id)) FROM {SCORES_BY_CALL}"
        " WHERE name = 'late' GROUP BY model ORDER BY model"
    )
    found = [query(each, by_model, output_format="CSV") for each in (one, both)]
    assert found[0] == found[1]
    assert found[0]
    assert not any(line.startswith(b"\\N") for line in found[0].splitlines())


Ask = Callable[[Backend, Scope], Any]


def by(name: services.By) -> Ask:
    return lambda backend, scope: services.breakdown(backend, scope, by=name)


def listed(order: Order) -> Ask:
    return lambda backend, scope: list_traces(backend, scope, Page(order, 50))


def searched(typed: str) -> Ask:
    return lambda backend, scope: search_traces(backend, scope, understand(typed))


ASKED: dict[str, Ask] = {
    "overview": services.overview,
    "facets": services.facets,
    "events": services.events,
    "unpriced": services.unpriced_models,
    **{f"by {name}": by(name) for name in services.DIMENSIONS},
    **{f"{order} traces": listed(order) for order in ORDERS},
    **{f"search {typed}": searched(typed) for typed in ("text: the", "user: u", "error: timeout")},
}


def comparable(found: Any) -> Any:
    """Return what was found without the mark of the process that found it."""
    if isinstance(found, dict):
        return {name: comparable(value) for name, value in found.items() if name != "version"}
    return [comparable(each) for each in found] if isinstance(found, list) else found


@pytest.mark.parametrize("name", ASKED)
async def test_the_page_says_the_same(backends: tuple[Backend, Backend], name: str) -> None:
    for scope in map(scope_of, SCOPES):
        found = [await ASKED[name](each, scope) for each in backends]
        assert comparable(found[0].model_dump()) == comparable(found[1].model_dump())


async def test_a_trace_is_read_whole(backends: tuple[Backend, Backend], data: Data) -> None:
    sql = "SELECT trace_id FROM spans GROUP BY trace_id ORDER BY count() DESC, trace_id LIMIT 5"
    for trace in query(data[0], sql, output_format="TSV").decode().split():
        found = [trace_of(await read_story(each, trace)) for each in backends]
        assert comparable(found[0].model_dump()) == comparable(found[1].model_dump())


def test_what_people_set_is_on_the_first_shard_and_read_through_all(data: Data) -> None:
    one, both, _ = data
    row = Shared.add(both, "settings", 'content = "none"\n', 1)
    assert Shared(both).newest() == Shared(one).newest() == {"settings": row}


def test_without_init_it_says_what_to_do(data: Data) -> None:
    other = replace(data[1].config, database="other")
    ServerDatabase.prepare(replace(other, distributed=None))
    with pytest.raises(SchemaMissing, match="other_all over all shards is missing: run `spanpulse init` first"):
        ServerDatabase.connect(other)
