"""A message of deltas: whose it is and which batch, in headers; what the batch added, in its value.

The token names the batch wherever it is told of: it is the same however often the batch is published. Not guaranteed:
that a message comes once, nor that a batch is whole before all its parts have come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import pyarrow as pa

from spanpulse_sinks.clickhouse import Batch
from spanpulse_stream.deltas._encode import decode_deltas

__all__ = ["Delta", "NoDelta", "headers_of", "key_of"]

Headers = tuple[tuple[str, bytes], ...]
FORMAT: Final = b"1"
NUMBERS: Final = ("source", "first", "last", "part", "parts")


class NoDelta(ValueError):  # noqa: N818 -- what it is
    """A message that this version cannot read as deltas; the message says why."""


def key_of(batch: Batch) -> bytes:
    """Return the key of a batch's messages: those of one source stay in order."""
    return str(batch.log_source).encode()


def headers_of(batch: Batch, part: int, parts: int) -> Headers:
    """Return the headers of one part of a batch, counted from 1."""
    numbers = (batch.log_source, batch.first_offset, batch.last_offset, part, parts)
    token = f"{batch.log_source}/{batch.first_offset}-{batch.last_offset}"
    told = ((name, str(number).encode()) for name, number in zip(NUMBERS, numbers, strict=True))
    return ("format", FORMAT), ("token", token.encode()), *told


@dataclass(frozen=True, slots=True)
class Delta:
    """Part ``part`` of ``parts`` of what the offsets [``first``, ``last``] of a source added, by table."""

    source: int
    first: int
    last: int
    part: int
    parts: int
    tables: Mapping[str, pa.Table]

    @classmethod
    def of(cls, headers: Iterable[tuple[str, bytes]], value: bytes) -> Self:
        """Read a message. Raises NoDelta."""
        told = dict(headers)
        if told.get("format") != FORMAT:
            raise NoDelta(f"its format is {told.get('format')!r}, this version reads {FORMAT!r}")
        try:
            source, first, last, part, parts = (int(told[name]) for name in NUMBERS)
            return cls(source, first, last, part, parts, decode_deltas(value))
        except (KeyError, ValueError, OSError, pa.ArrowException) as error:
            raise NoDelta(f"it cannot be read: {type(error).__name__}: {error}") from None
