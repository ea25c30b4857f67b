"""Workers of two versions side by side: what one of them claimed the other finishes, with the claim's prices.

The version that comes has another price list, and a schema with more columns.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster, Role
from cluster_standing import eventually
from cluster_storm import Load
from kafka_running import Kafka
from price_releases import INSTALLED, OTHER, other_release
from spanpulse_sinks.clickhouse import TABLES
from spanpulse_stream.traffic import LoadGenerator
from sums import check

PAUSE_S = 0.1
ENOUGH = 2_000  # spans


@pytest.fixture
def cluster(kafka: Kafka, tmp_path: Path) -> Iterator[Cluster]:
    with ClickHouse.start(tmp_path / "clickhouse") as server, Cluster(tmp_path, kafka, server) as made:
        made.init()
        yield made


def versions(cluster: Cluster) -> set[str]:
    return {row["version"] for row in cluster.sql("SELECT DISTINCT price_version AS version FROM span_rows")}


def priced_by(cluster: Cluster, release: str) -> int:
    return int(
        cluster.one(f"toInt64(count()) FROM span_rows WHERE startsWith(price_version, 'genai-prices-{release}')")
    )


def widen(cluster: Cluster) -> None:
    """Bring the schema to a later version, as an `init` of that would, while workers of this one write."""
    client = cluster.clickhouse.client(database="spanpulse")
    for table in TABLES:
        client.command(f"ALTER TABLE {table} ADD COLUMN later Nullable(Int64)")
    client.command("INSERT INTO migrations (version, name) VALUES (901, 'more_columns')")
    client.close()


def killed_with_a_claim(cluster: Cluster, role: Role, table: str) -> None:
    """Kill a worker while a batch of it is in some tables only."""
    held = cluster.clickhouse.faults.add("hold", kind="insert", pattern=f"INSERT INTO {table} ", count=1)
    held.wait_waiting()
    role.kill()
    held.remove()  # the insert goes on without its worker
    eventually(lambda: bool(cluster.clickhouse.faults.inserts(table)))


@pytest.mark.long
def test_a_claim_made_under_another_price_list_is_finished_by_whoever_comes(cluster: Cluster, tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"  # which nobody shares, and the others have not
    own.write_text("prices:\n- {provider: openai, model: gpt-4o-mini, input: 3, output: 4}\n")
    dearer = {**other_release(tmp_path / "other"), "SPANPULSE_PRICES": str(own)}
    both = {f"genai-prices-{each}" for each in (INSTALLED, OTHER)}
    gateway = cluster.role("gateway").start()
    load = Load([gateway], LoadGenerator(7), PAUSE_S).begin()
    try:
        for number, table in enumerate(("span_rows", "rollup_minute")):
            worker = cluster.role("worker", **(dearer if number % 2 else {})).start()
            if number:
                eventually(lambda: priced_by(cluster, OTHER) > ENOUGH)  # it replays the claims of the first one before
            killed_with_a_claim(cluster, worker, table)
            if not number:
                widen(cluster)
        last = cluster.role("worker").start()
        eventually(lambda: {each.partition("+")[0] for each in versions(cluster)} == both)
        sent = load.finish()
    finally:
        load.end()
    cluster.drain()
    check(cluster, load.load, sent, sent)
    assert list(tmp_path.glob(f"worker-3/data/prices/genai-prices-{OTHER}.json"))  # it was asked for, and found
    kinds = [
        row["kind"]
        for row in cluster.sql("SELECT kind FROM shared_state WHERE startsWith(kind, 'price_') ORDER BY kind")
    ]
    assert kinds[:2] == [f"price_list/{each}" for each in sorted((INSTALLED, OTHER))]
    (text,) = kinds[2:]
    assert f"genai-prices-{OTHER}+{text.removeprefix('price_text/')}" in versions(cluster)
    assert last.stop() == 0
    assert gateway.stop() == 0
