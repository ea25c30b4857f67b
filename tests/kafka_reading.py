"""All that a topic holds, read by a consumer of its own."""

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from kafka_running import Kafka

__all__ = ["read_topic"]


async def read_topic(kafka: Kafka, topic: str) -> list[ConsumerRecord]:
    """Return what is in a topic now, in the order of each partition."""
    large = {"fetch_max_bytes": 64 << 20, "max_partition_fetch_bytes": 64 << 20}
    async with AIOKafkaConsumer(**kafka.client_options(), client_id="tests", **large) as consumer:
        numbers = await consumer._client._wait_on_metadata(topic)  # `partitions_for_topic` does not wait
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
    return sorted(found, key=lambda record: (record.partition, record.offset))
