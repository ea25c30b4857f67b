"""Record batches of Kafka, read so that no header's key can stop a consumer.

aiokafka decodes the keys of headers strictly and raises for one that is no UTF-8, each time that it fetches it, so that
one record would end all reading of its partition. Guarantee: records, offsets and values are those of aiokafka; in a
batch with such a key that key alone differs, with the replacement character for what is no UTF-8. Not guaranteed:
anything about a batch that is damaged otherwise, for which aiokafka raises as ever.
"""

# mypy: disable-error-code="no-untyped-call"

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

__all__ = ["TolerantRecords"]

LENGTH: Final = struct.Struct(">i")
LENGTH_AT: Final = 8  # behind the base offset
OVERHEAD: Final = 12  # base offset and length
WITH_HEADERS: Final = 2  # the format, from which on records have headers


class TolerantRecords:
    """What a fetch brought of one partition; in place of aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._records: Any = MemoryRecords(data)

    def size_in_bytes(self) -> int:
        """Return the bytes of all batches."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Tell whether there is another whole batch."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """Return the next batch, None behind the last. Raises CorruptRecordException."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        begin, self._at = self._at, self._at + OVERHEAD + LENGTH.unpack_from(self._data, self._at + LENGTH_AT)[0]
        if getattr(batch, "magic", 0) < WITH_HEADERS:
            return batch
        return _Batch(batch, memoryview(self._data)[begin : self._at])


class _Batch:
    """One batch; ``raw`` are its bytes, to begin again with."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        given = 0
        try:
            for record in self._batch:
                yield record
                given += 1
        except UnicodeDecodeError:
            yield from islice(_leniently(self._raw), given, None)


class _Text(bytearray):
    """Bytes whose slices become text whatever they are."""

    def __getitem__(self, which: Any) -> Any:
        found = super().__getitem__(which)
        return _Text(found) if isinstance(which, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:  # noqa: ARG002 -- never strictly
        return super().decode(encoding, "replace")


def _leniently(raw: memoryview) -> Iterator[Any]:
    """Yield the records of a batch, read in Python, ten times slower."""
    batch: Any = _DefaultRecordBatchPy(raw)
    records = iter(batch)  # which decompresses them
    batch._buffer = _Text(batch._buffer)  # noqa: SLF001 -- its only way to read a key
    yield from records
