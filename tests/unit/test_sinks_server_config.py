"""What the schema becomes on a server, and on a cluster of servers."""

import re

import pytest

from spanpulse_sinks.clickhouse import Failure
from spanpulse_sinks.clickhouse._migrate import RECORD, migrations
from spanpulse_sinks.clickhouse.server import ServerConfig
from spanpulse_sinks.clickhouse.server._everywhere import everywhere_statements

SINGLE, CLUSTER = ServerConfig("host"), ServerConfig("host", cluster="main")
STATEMENTS = [(RECORD), *(text for each in migrations(CLUSTER) for text in each.statements)]
DEFINING = ("CREATE", "ALTER", "DROP", "TRUNCATE")


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text[:40])
def test_what_defines_something_runs_on_every_host(statement: str) -> None:
    placed = CLUSTER.placed(statement)
    defines = statement.split(maxsplit=1)[0].upper() in DEFINING
    assert ("ON CLUSTER 'main'" in placed) is defines
    assert placed.count("ON CLUSTER") == defines


@pytest.mark.parametrize("statement", [text for text in STATEMENTS if "ENGINE = " in text], ids=lambda text: text[:40])
def test_tables_of_a_cluster_are_replicated(statement: str) -> None:
    engine = re.search(r"ENGINE = (\w+)(\(.*?\))?", CLUSTER.placed(statement))
    assert engine is not None
    assert engine[1].startswith("Replicated")
    assert "{replica}" in engine[2]
    assert "Replicated" not in SINGLE.placed(statement)


def test_what_reads_all_shards_is_made_on_every_host_of_a_shard() -> None:
    shard = ServerConfig("host", cluster="spanpulse_{shard}", distributed="spanpulse")
    made = [shard.placed(text) for text in everywhere_statements(shard, ["span_rows", "migrations"])]
    assert all(text.count("ON CLUSTER 'spanpulse_{shard}'") == 1 for text in made)
    assert made[0] == "CREATE DATABASE IF NOT EXISTS spanpulse_all ON CLUSTER 'spanpulse_{shard}'"
    assert made[1].startswith("CREATE OR REPLACE TABLE spanpulse_all.span_rows ON CLUSTER")
    assert made[1].endswith("AS spanpulse.span_rows ENGINE = Distributed('spanpulse', 'spanpulse', 'span_rows')")
    assert not [text for text in made if ".migrations" in text or "Replicated" in text]


def test_every_view_is_made_over_all_shards_but_spans_which_each_shard_joins() -> None:
    shard = ServerConfig("host", distributed="all", database="kept")
    made = list(everywhere_statements(shard, ["span_rows"]))
    views = {match[1] for text in made if (match := re.match(r"CREATE OR REPLACE VIEW kept_all\.(\w+) AS", text))}
    defined = {match[1] for text in STATEMENTS if (match := re.match(r"CREATE OR REPLACE VIEW (\w+)", text))}
    assert views == defined - {"spans"}
    assert made[2].endswith("Distributed('all', 'kept', 'spans')")
    (late,) = [text for text in made if "DICTIONARY" in text]
    assert late.startswith("CREATE OR REPLACE DICTIONARY kept.late_texts")
    assert "FROM kept_all.span_texts" in late


@pytest.mark.parametrize("config", [SINGLE, CLUSTER])
def test_tables_remember_tokens_and_parts_are_durable(config: ServerConfig) -> None:
    assert re.search(r"(non_)?replicated_deduplication_window = 10000", config.table_settings())
    if config.cluster:
        assert "replicated_deduplication_window_seconds = 604800" in config.table_settings()
    assert "fsync_after_insert = 1" in config.table_settings()
    assert config.insert_settings["async_insert"] == 0


def test_a_password_is_never_shown() -> None:
    assert "geheim" not in repr(ServerConfig("host", password="geheim"))


class CodedError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@pytest.mark.parametrize(
    ("code", "text", "failure"),
    [
        (252, "Too many parts (3000). Merges are processing significantly slower than inserts", Failure.TRANSIENT),
        (252, "Too many partitions for single INSERT block (more than 1)", Failure.PERMANENT),
        (164, "Cannot execute query in readonly mode", Failure.TRANSIENT),
        (242, "Table is in readonly mode", Failure.TRANSIENT),
        (60, "Table does not exist", Failure.PERMANENT),
    ],
)
def test_what_may_be_tried_again(code: int, text: str, failure: Failure) -> None:
    assert Failure.of(CodedError(code, text)) is failure
