"""Which partition of a log is meant, and that it may be another worker's by now.

A `TP` equals Faust's and aiokafka's of the same topic and number, and is the same key of a dict.
"""

from typing import NamedTuple

__all__ = ["TP", "PartitionLost"]


class TP(NamedTuple):
    """A topic, and the number of one of its partitions."""

    topic: str
    partition: int


class PartitionLost(Exception):  # noqa: N818 -- what happened
    """The log refused a claim or a commit, for the partition was taken away; nothing was changed."""
