"""What the log refuses because it is full is gone at once: nothing of it waits for the garbage collector."""

import asyncio
import gc
import time
from collections.abc import Iterator

import pytest

from spanpulse_stream.kafka import KafkaLog
from spanpulse_stream.kafka._packing import Part
from spanpulse_stream.log import TOPIC, LogFull, Message
from spanpulse_stream.observe import Health, Metrics
from spanpulse_stream.settings import Settings

MIB = 1024 * 1024


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
async def test_a_refused_request_leaves_nothing() -> None:
    settings = Settings.model_validate({"kafka_brokers": ["127.0.0.1:1"], "kafka_buffer_bytes": MIB})
    log = KafkaLog(settings, Metrics(), Health(time.monotonic))
    log._watch.reason, log._watch.partitions, log._held = "", 1, MIB - 4096
    for number in range(20):
        with pytest.raises(LogFull):
            await log.append([Message(TOPIC, 0, b"key", bytes(3000 + number), (("signal", b"traces"),), 1)] * 2)
    assert not [each for each in gc.get_objects() if isinstance(each, Part)]
    assert log._held == MIB - 4096
    for task in log._tasks:
        task.cancel()
    await asyncio.gather(*log._tasks, return_exceptions=True)
