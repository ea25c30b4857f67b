"""Things go wrong with a cluster, one after another in any order; `make soak` has a hundred of them.

In the end every request is there once, in the spans and in every rollup, an audit finds nothing, and the workers have
told of each batch, however often some of them died in between.

The order is that of a seed; SPANPULSE_SOAK_SEED chooses another one.
"""

import os
import random
from pathlib import Path

import pytest

from clickhouse_running import running_clickhouse
from cluster_deltas import check_deltas
from cluster_running import Cluster
from cluster_storm import (
    Load,
    Storm,
    add_a_worker,
    freeze_a_worker,
    have_clickhouse_go_wrong,
    kill_a_dashboard,
    kill_a_gateway,
    kill_a_worker,
    kill_clickhouse,
    kill_the_broker,
)
from kafka_running import Kafka
from spanpulse_stream.traffic import LoadGenerator

FAULTS = [
    *(kill_a_worker, kill_a_worker, freeze_a_worker, add_a_worker, kill_a_gateway, kill_a_dashboard),
    *(kill_the_broker, kill_clickhouse, have_clickhouse_go_wrong),
]
PAUSE_S = 0.4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_doubled(kafka: Kafka, tmp_path: Path) -> None:
    seed = int(os.environ.get("SPANPULSE_SOAK_SEED", "11"))
    chance = random.Random(seed)
    options = {"max_server_memory_usage": 4 << 30}
    with running_clickhouse(options=options) as clickhouse, Cluster(tmp_path, kafka, clickhouse) as cluster:
        storm = Storm.of(cluster, gateways=1, workers=2, dashboards=1)
        load = Load(storm.gateways, LoadGenerator(seed), PAUSE_S).begin()
        try:
            for fault in chance.sample(FAULTS, len(FAULTS)):
                storm.do(fault, chance)
            assert storm.whole(load) == load.acknowledged > 0
            check_deltas(cluster)
        except BaseException as error:
            error.add_note(f"SPANPULSE_SOAK_SEED={seed}, happened: {storm.happened}\n{cluster.outputs()}")
            raise
        finally:
            load.end()
    assert sum(storm.happened.values()) == len(FAULTS)
