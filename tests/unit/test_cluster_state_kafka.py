"""The dashboard while only Kafka is away: it stays ready, and warns that how far the workers are behind is unknown."""

import time
from typing import Any

from aiokafka.errors import KafkaConnectionError

from spanpulse_stream.cluster._state import ClusterState
from spanpulse_stream.observe import Condition, Health
from spanpulse_stream.settings import Settings


class Group:
    """What the brokers answer: an error, or nothing that waits."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def read(self) -> list[Any]:
        if self.error is not None:
            raise self.error
        return []


async def test_a_kafka_that_is_away_is_a_warning() -> None:
    health = Health(time.monotonic)
    health.started()
    database: Any = None  # it is not asked
    state = ClusterState(Settings(), database, health, "1")
    for error in (KafkaConnectionError("away"), TimeoutError()):
        group: Any = Group(error)
        await state._look_at_kafka(group)
        assert health.reasons() == []
        (warning,) = health.warnings()
        assert warning.condition is Condition.LAG_UNKNOWN
        assert warning.detail.startswith("Kafka does not say how far the workers are")
    group = Group(None)
    await state._look_at_kafka(group)
    assert health.warnings() == []
