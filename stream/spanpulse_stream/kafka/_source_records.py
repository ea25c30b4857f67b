"""The records of the topic in which sources are numbered, and the table that they add up to.

Pure: no broker. The table is a function of the topic's records in their order, so everybody who has read the same
records gives the same numbers. A record that is not understood counts for nothing, whoever wrote it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

__all__ = ["LARGEST_SOURCE", "Numbered", "SourcePlace", "SourceTable"]

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


class SourcePlace(NamedTuple):
    """A source's number, and the shard of the database that it is written to: 0 for the first."""

    source: int
    shard: int


@dataclass(slots=True)
class SourceTable:
    """What the records until ``read`` (the next offset) say. ``base``: None until its record was read.

    A shard is a part of the record, so it holds for ever as the number does, whatever shards are added later.
    """

    read: int = 0
    base: int | None = None
    _places: dict[Numbered, tuple[int, int]] = field(default_factory=dict)  # offset of the record, and shard

    def add(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record in: the first base and the first record of each key hold for ever."""
        self.read = offset + 1
        if key == BASE_KEY:
            self.base = _base_of(value) if self.base is None else self.base
        elif key is not None and (numbered := _numbered_of(key)) is not None:
            self._places.setdefault(numbered, (offset, _shard_of(value)))

    def number(self, numbered: Numbered) -> int | None:
        """Return the number, at least 1; None without a record of it. Raises OverflowError past the largest."""
        place = self.place(numbered)
        return None if place is None else place.source

    def place(self, numbered: Numbered) -> SourcePlace | None:
        """Return number and shard, None without a record. Raises OverflowError past the largest."""
        if self.base is None or (found := self._places.get(numbered)) is None:
            return None
        offset, shard = found
        if self.base + offset > LARGEST_SOURCE:
            raise OverflowError(f"source {self.base + offset} is past the largest, {LARGEST_SOURCE}")
        return SourcePlace(self.base + offset, shard)

    @property
    def highest_shard(self) -> int:
        """The highest shard that a record names, 0 where none does."""
        return max((shard for _, shard in self._places.values()), default=0)

    def records(self, missing: Iterable[Numbered], shards: int) -> list[tuple[bytes, bytes]]:
        """Return records that number partitions, each on the shard that has the fewest of its topic, then of all."""
        of_topic = Counter((numbered[:2], shard) for numbered, (_, shard) in self._places.items())
        of_all = Counter(shard for _, shard in self._places.values())
        made = []
        for numbered in missing:
            topic = numbered[:2]
            shard = min(range(shards), key=lambda each: (of_topic[topic, each], of_all[each], each))
            of_topic[topic, shard] += 1
            of_all[shard] += 1
            made.append((numbered.key(), json.dumps({"shard": shard}).encode() if shard else b""))
        return made


def base_value(base: int) -> bytes:
    """Return the value of the base's record."""
    return json.dumps({"base": base}).encode()


def _base_of(value: bytes | None) -> int | None:
    match _read(value):
        case {"base": int(base)} if not isinstance(base, bool) and 0 < base <= LARGEST_SOURCE:
            return base
    return None


def _shard_of(value: bytes | None) -> int:
    """Return the shard that a record names; without one it is the first, which was there before there were others."""
    match _read(value):
        case {"shard": int(shard)} if not isinstance(shard, bool) and shard >= 0:
            return shard
    return 0


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
