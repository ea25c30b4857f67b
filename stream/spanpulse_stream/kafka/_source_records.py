"""The records of the topic in which sources are numbered, and the table that they add up to.

Pure: no broker. The table is a function of the topic's records in their order, so everybody who has read the same
records gives the same numbers. A record that is not understood counts for nothing, whoever wrote it.
"""

import json
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

__all__ = ["LARGEST_SOURCE", "Numbered", "SourceTable"]

LARGEST_SOURCE = (1 << 32) - 1
"""A source is a UInt32 in the database."""
BASE_KEY = b"base"


class Numbered(NamedTuple):
    """What has a number: a partition of one incarnation of a topic."""

    topic: str
    topic_id: UUID
    partition: int

    def key(self) -> bytes:
        """Return the key of its record."""
        return json.dumps([self.topic, str(self.topic_id), self.partition]).encode()


@dataclass(slots=True)
class SourceTable:
    """What the records until ``read`` (the next offset) say. ``base``: None until its record was read."""

    read: int = 0
    base: int | None = None
    _offsets: dict[Numbered, int] = field(default_factory=dict)

    def add(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record in: the first base and the first record of each key hold for ever."""
        self.read = offset + 1
        if key == BASE_KEY:
            self.base = _base_of(value) if self.base is None else self.base
        elif key is not None and (numbered := _numbered_of(key)) is not None:
            self._offsets.setdefault(numbered, offset)

    def number(self, numbered: Numbered) -> int | None:
        """Return the number, at least 1; None without a record of it. Raises OverflowError past the largest."""
        if self.base is None or (offset := self._offsets.get(numbered)) is None:
            return None
        if self.base + offset > LARGEST_SOURCE:
            raise OverflowError(f"source {self.base + offset} is past the largest, {LARGEST_SOURCE}")
        return self.base + offset


def base_value(base: int) -> bytes:
    """Return the value of the base's record."""
    return json.dumps({"base": base}).encode()


def _base_of(value: bytes | None) -> int | None:
    match _read(value):
        case {"base": int(base)} if not isinstance(base, bool) and 0 < base <= LARGEST_SOURCE:
            return base
    return None


def _numbered_of(key: bytes) -> Numbered | None:
    match _read(key):
        case [str(topic), str(topic_id), int(partition)] if not isinstance(partition, bool):
            try:
                return Numbered(topic, UUID(topic_id), partition)
            except ValueError:
                return None
    return None


def _read(text: bytes | None) -> object:
    try:
        return json.loads(text or b"null")
    except (ValueError, RecursionError):
        return None
