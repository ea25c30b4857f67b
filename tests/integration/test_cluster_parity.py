"""The same exports give the same spans and rollups in one process and on a cluster.

Sent are the recorded exports of every SDK in the corpus (logs too, some of them twice and in pieces), generated load,
and a generated day with tools, failures, users, experiments, scores and an operator's price list; to `spanpulse up`,
and through a gateway to four partitions and two workers. Every column of every span, late text, score and dead letter
must be equal, and every measure and sketch of every rollup; benchmarks/parity.py does the same with more than 100,000
spans.

What may differ, and is therefore left out or avoided: where a record lies in the log, when it was received and, with
it, on which day of receipt a rollup row lies; which values of a dimension are rolled up as `__other__` (a partition
admits the first 2,000 of its own); and what belongs together but has the resources of two processes (an instrumented
application behind an instrumented proxy, a retry with another resource), which may lie in two partitions. The order of
records of one resource is the same in both, as they are sent one request after the other.
"""

from collections.abc import Iterator

import pytest

from clickhouse_running import running_clickhouse
from cluster_parity import ROLLUPS, TABLES, Pair, accounts, both, differences
from kafka_running import Kafka

LOAD, DAY = 4, 300


@pytest.fixture(scope="module")
def pair(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("parity")
    with running_clickhouse() as clickhouse, both(folder, kafka, clickhouse, generated=LOAD, day=DAY) as found:
        yield found


@pytest.mark.slow
def test_spans_and_rollups_are_equal(pair: Pair) -> None:
    of_both = accounts(pair.cluster)
    assert of_both == accounts(pair.one)
    assert of_both["default", "traces"]["stored"] > 512 * LOAD
    for signal in ("traces", "logs"):
        assert of_both["default", signal]["duplicate"] > 0
    assert of_both["default", "traces"]["dead_lettered"] == 1
    assert pair.cluster.one("toInt64(uniqExact(log_source)) FROM batches") > 1
    for table in (*TABLES, *ROLLUPS, "span_updates", "dimension_values"):
        assert pair.cluster.one(f"toInt64(count()) FROM {table}") > 0, table
    found = differences(pair.one, pair.cluster)
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_whatever_differs_would_be_found(pair: Pair) -> None:
    """The comparison itself: a row more, or another value, is seen in any table. Comes last."""
    client = pair.cluster.clickhouse.client(database="spanpulse")
    again = "SETTINGS deduplicate_insert = 'disable' SELECT"
    for table in ("span_texts", "rollup_user", "rollup_score", "rollup_score_experiment"):
        client.command(f"INSERT INTO {table} {again} * FROM {table} LIMIT 1")
        assert differences(pair.one, pair.cluster, [table]), table
    client.command(f"INSERT INTO span_rows {again} * REPLACE ('none' AS trace_id, 1 AS cost) FROM span_rows LIMIT 1")
    assert differences(pair.one, pair.cluster, ["spans"])
