"""The producer half of the Kafka driver: what agents send is acknowledged by all replicas, once."""

import logging
from typing import Any

from aiokafka import AIOKafkaProducer
from faust.transport import producer
from faust.transport.drivers import aiokafka as driver

from spanpulse_stream.transport.kafka._start import started

__all__ = ["Producer"]


class Producer(driver.Producer):
    """Sends through an AIOKafkaProducer."""

    logger = logging.getLogger("faust.transport.kafka")

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        if transactional_id is not None:
            raise NotImplementedError("there are no transactions")
        return AIOKafkaProducer(**self.transport.cluster.producer_options())

    async def on_start(self) -> None:
        """Start the producer, once a broker answers."""
        await producer.Producer.on_start(self)
        self._producer = await started(
            self._new_producer,
            self.transport.cluster.brokers,
            sleep=self.sleep,
            stopping=lambda: self.should_stop,
        )
