"""Workers that write to two shards: each source on one of them, once, whatever is killed."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster
from cluster_standing import eventually
from cluster_storm import Load
from kafka_running import Kafka
from spanpulse_stream.cluster import audit_cluster
from spanpulse_stream.operations import Progress
from spanpulse_stream.traffic import LoadGenerator
from sums import check

# The engine of the tests reaches no other, so nothing listens there: what reads all shards is tested in one engine.
SERVERS = """<clickhouse><remote_servers><spanpulse>
<shard><replica><host>127.0.0.1</host><port>1</port></replica></shard>
<shard><replica><host>127.0.0.1</host><port>2</port></replica></shard>
</spanpulse></remote_servers></clickhouse>"""
PAUSE_S = 0.1


class Shards:
    """The shards of a cluster, asked one by one; what they answer is added up."""

    def __init__(self, cluster: Cluster, servers: list[ClickHouse]) -> None:
        self.cluster = cluster
        self._clients = [server.client(database="spanpulse") for server in servers]

    def each(self, query: str) -> list[list[dict[str, Any]]]:
        """Return the rows of every shard."""
        return [list(client.query(query).named_results()) for client in self._clients]

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return one row of sums."""
        rows = [row for (row,) in self.each(query)]
        return [{name: _sum([row[name] for row in rows]) for name in rows[0]}]

    def status(self) -> dict[str, Any]:
        """Return what `sums.check` reads."""
        known = "stored + duplicate + dead_lettered + filtered"
        left = self.sql(f"SELECT toInt64(sum(accepted) - sum({known})) AS n FROM batches")[0]["n"]
        return {"completeness": {"unaccounted": left}}


def _sum(values: list[Any]) -> Any:
    return str(sum(map(Decimal, values))) if isinstance(values[0], str) else sum(values)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[ClickHouse]]:
    config = tmp_path / "servers.xml"
    config.write_text(SERVERS, "utf-8")
    options = {"config-file": str(config)}
    with (
        ClickHouse.start(tmp_path / "one", options=options) as one,
        ClickHouse.start(tmp_path / "two", options=options) as two,
    ):
        yield [one, two]


def test_each_source_is_written_to_one_shard_once(kafka: Kafka, servers: list[ClickHouse], tmp_path: Path) -> None:
    several = {"SPANPULSE_CLICKHOUSE_SHARDS": servers[1].url}
    with Cluster(tmp_path, kafka, servers[0], several) as cluster:
        assert cluster.init().count("has schema") == 2
        gateway = cluster.role("gateway").start()
        workers = [cluster.role("worker").start(wait=False) for _ in range(2)]
        for worker in workers:
            worker.wait_ready()
        shards = Shards(cluster, servers)
        load = Load([gateway], LoadGenerator(3), PAUSE_S).begin()
        try:
            eventually(lambda: all(rows[0]["n"] for rows in shards.each("SELECT count() AS n FROM batches")))
            held = servers[1].faults.add("hold", kind="insert", pattern="INSERT INTO rollup_minute ", count=1)
            held.wait_waiting()
            for worker in workers:
                worker.kill()
            held.remove()  # the insert goes on without its worker
            workers[0].start()
            servers[1].kill()
            servers[1].restart()
            sent = load.finish()
        finally:
            load.end()
        cluster.drain()
        check(shards, load.load, sent, sent)
        _each_span_is_on_one_shard(shards)
        report = audit_cluster(cluster.settings, {}, _silent)
        assert report["whole"], report
        assert report["days"]
        assert workers[0].stop() == 0
        _a_worker_that_lacks_a_shard_says_so(cluster)


def _each_span_is_on_one_shard(shards: Shards) -> None:
    spans = [
        {(row["t"], row["s"]) for row in rows} for rows in shards.each("SELECT trace_id AS t, span_id AS s FROM spans")
    ]
    assert all(spans)
    assert not spans[0] & spans[1]
    sources = [{row["s"] for row in rows} for rows in shards.each("SELECT DISTINCT log_source AS s FROM seen")]
    assert not sources[0] & sources[1]


def _a_worker_that_lacks_a_shard_says_so(cluster: Cluster) -> None:
    alone = cluster.role("worker", SPANPULSE_CLICKHOUSE_SHARDS="[]").start(wait=False)
    assert alone.process
    assert alone.process.wait(60) != 0
    assert "shard 2 has partitions, and clickhouse_shards lacks it" in alone.output
    assert "Traceback" not in alone.output


def _silent(_progress: Progress) -> None:
    return None
