"""Record batches whose header keys are no UTF-8 lose nothing, whatever stands around them."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.transport.kafka._records import TolerantRecords

KEYS = st.one_of(st.binary(max_size=6), st.sampled_from([b"\xff\xfeabc", b"signal", "größe".encode(), b""]))
HEADERS = st.lists(st.tuples(KEYS, st.one_of(st.none(), st.binary(max_size=6))), max_size=3)
RECORD = st.tuples(
    st.integers(0, 1 << 41), st.one_of(st.none(), st.binary(max_size=4)), st.one_of(st.none(), st.binary()), HEADERS
)
BATCHES = st.lists(st.tuples(st.integers(0, 4), st.lists(RECORD, min_size=1, max_size=6)), max_size=4)
Batches = list[tuple[int, list[tuple[int, bytes | None, bytes | None, list[tuple[bytes, bytes | None]]]]]]


class Key(str):
    """A key of a header as any bytes, for a builder that encodes texts."""

    __slots__ = ("raw",)
    raw: bytes

    def encode(self, *_options: Any) -> bytes:
        return self.raw


def key(raw: bytes) -> Key:
    made = Key()
    made.raw = raw
    return made


def encoded(batches: Batches) -> bytes:
    """Return batches as a broker has them; offsets go on from batch to batch."""
    data, first = b"", 0
    for codec, records in batches:
        builder = _DefaultRecordBatchBuilderPy(2, codec, False, -1, -1, -1, 1 << 20)
        for offset, (stamp, of, value, headers) in enumerate(records):
            builder.append(offset, stamp, of, value, [(key(name), what) for name, what in headers])
        data += first.to_bytes(8, "big") + bytes(builder.build())[8:]  # the base offset is no part of the checksum
        first += len(records)
    return data


def read(records: Any) -> list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]:
    found = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        assert not batch.is_control_batch
        found += [(each.offset, each.timestamp, each.key, each.value, list(each.headers)) for each in batch]
    assert records.next_batch() is None
    return found


@given(BATCHES)
def test_nothing_of_a_batch_is_lost_whatever_its_headers_are_called(batches: Batches) -> None:
    data = encoded(batches)
    plain = [record for _, records in batches for record in records]
    expected = [
        (offset, stamp, of, value, [(name.decode(errors="replace"), what) for name, what in headers])
        for offset, (stamp, of, value, headers) in enumerate(plain)
    ]
    assert read(TolerantRecords(data)) == expected
    assert TolerantRecords(data).size_in_bytes() == len(data)


def test_aiokafka_alone_raises_for_such_a_key_and_its_consumers_read_through_ours() -> None:
    data = encoded([(0, [(1, None, b"a", []), (2, None, b"b", [(b"\xff", b"x")])])])
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords(data))
    assert fetcher.MemoryRecords is TolerantRecords


def test_a_batch_that_is_not_whole_yet_is_left() -> None:
    data = encoded([(0, [(1, None, b"a", [])]), (0, [(2, None, b"b", [(b"\xff", b"x")])])])
    assert [value for _, _, _, value, _ in read(TolerantRecords(data[:-1]))] == [b"a"]
    assert not TolerantRecords(b"").has_next()
