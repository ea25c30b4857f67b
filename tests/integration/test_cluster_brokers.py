"""Three brokers, every message on three: one is killed, one freezes, and nobody who sends or reads loses anything."""

import time
from collections.abc import Iterator

import pytest

from clickhouse_running import running_clickhouse
from cluster_standing import Standing, standing
from cluster_storm import Load
from kafka_running import Kafka
from requirements import need_java

pytestmark = pytest.mark.slow

FROZEN_S = 8.0


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    need_java()
    with Kafka.start(tmp_path_factory.mktemp("brokers"), 3) as running:
        yield running


@pytest.fixture(scope="module")
def up(three: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with (
        running_clickhouse() as clickhouse,
        standing(tmp_path_factory.mktemp("three"), three, clickhouse, SPANPULSE_KAFKA_REPLICATION="3") as found,
    ):
        yield found


def more(load: Load, count: int = 5) -> None:
    """Wait until more requests are acknowledged."""
    goal, deadline = load.acknowledged + count, time.monotonic() + 90
    while load.acknowledged < goal:
        assert time.monotonic() < deadline, (load.acknowledged, load.statuses)
        time.sleep(0.1)


def test_one_of_three_brokers_is_killed_and_one_freezes(three: Kafka, up: Standing) -> None:
    processes = [role.process for role in up.workers]
    with up.load() as load:
        more(load)
        three.kill(0)
        more(load)
        three.start_broker(0)
        more(load)
        three.freeze(1)
        time.sleep(FROZEN_S)
        more(load)
        three.thaw(1)
        three.wait_until_up()
        more(load)
        assert set(load.statuses) <= {200, 429, 503}
    assert [role.process for role in up.workers] == processes
