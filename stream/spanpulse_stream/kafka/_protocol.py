"""Requests of Kafka's protocol that aiokafka does not have: topics with their ids, and changes of single options.

Metadata 10 (Kafka 2.8 and newer) is the first version that tells a topic's id; aiokafka stops at 5.
IncrementalAlterConfigs (Kafka 2.3 and newer) changes the options that it names; the AlterConfigs of aiokafka resets all
the others. What is here is the wire: no connection, no retry, and errors are numbers.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from uuid import UUID

from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

__all__ = ["TOPIC", "AlterOptions", "DescribeTopics"]

TOPIC = 2
"""The kind of resource that options belong to."""
SET = 0
NO_ID = UUID(int=0)


class Uuid(AbstractType):  # type: ignore[misc]  # aiokafka is untyped here
    """Sixteen bytes, the most significant first."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        """Return the bytes."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        """Read it. Raises ValueError where less is there."""
        return UUID(bytes=data.read(16))


class _TopicsV10(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString()),
                ("port", Int32),
                ("rack", CompactString()),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString()),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _DescribeTopicsV10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _TopicsV10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("topic", CompactString()), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class DescribeTopics(Request[_DescribeTopicsV10]):  # type: ignore[misc]
    """Asks for topics by name, with their ids; what is missing is not made by asking."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[_DescribeTopicsV10]) -> _DescribeTopicsV10:
        """Return the request."""
        return request_struct_class([(NO_ID, topic, {}) for topic in self._topics], False, False, False, {})


class _AlteredV0(Response):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String()),
                ("resource_type", Int8),
                ("resource_name", String()),
            ),
        ),
    )


class _AlterOptionsV0(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _AlteredV0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String()),
                ("configs", Array(("name", String()), ("operation", Int8), ("value", String()))),
            ),
        ),
        ("validate_only", Boolean),
    )


class AlterOptions(Request[_AlterOptionsV0]):  # type: ignore[misc]
    """Sets options of topics, by topic and option; what is not named stays."""

    API_KEY = 44

    def __init__(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        self._resources = [
            (TOPIC, topic, [(name, SET, value) for name, value in options.items()])
            for topic, options in changes.items()
        ]

    def build(self, request_struct_class: type[_AlterOptionsV0]) -> _AlterOptionsV0:
        """Return the request."""
        return request_struct_class(self._resources, False)
