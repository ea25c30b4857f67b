"""The table of sources is a function of the records: who reads them in pieces, or reads strange ones, agrees."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.kafka._source_records import BASE_KEY, LARGEST_SOURCE, Numbered, SourceTable, base_value

IDS = [UUID(int=1), UUID(int=2)]
NUMBERED = st.builds(Numbered, st.sampled_from(["a", "b"]), st.sampled_from(IDS), st.integers(0, 2))
EVERY = [Numbered(topic, topic_id, partition) for topic in "ab" for topic_id in IDS for partition in range(3)]
RECORDS = st.lists(
    st.one_of(
        NUMBERED.map(lambda each: (each.key(), b"")),
        st.integers(1, 9).map(lambda base: (BASE_KEY, base_value(base))),
        st.tuples(st.one_of(st.none(), st.binary(max_size=8), st.just(BASE_KEY)), st.one_of(st.none(), st.binary())),
        st.sampled_from([(b'["a", 1, 2]', b""), (b'["a", "00", true]', b""), (b"[" * 9000, None), (b"{}", b"{}")]),
    ),
    max_size=40,
)


def read(records: list[tuple[bytes | None, bytes | None]], table: SourceTable | None = None) -> SourceTable:
    table = table or SourceTable()
    for offset, (key, value) in enumerate(records[table.read :], start=table.read):
        table.add(offset, key, value)
    return table


@given(RECORDS, st.integers(0, 40))
def test_numbers_never_change_and_are_never_shared(records: list[tuple[bytes | None, bytes | None]], upto: int) -> None:
    early = read(records[:upto])
    before = {each: early.number(each) for each in EVERY}
    late = read(records, early)
    assert late == read(records)
    numbers = [number for each in EVERY if (number := late.number(each)) is not None]
    assert len(set(numbers)) == len(numbers)
    for each, number in before.items():
        assert number is None or late.number(each) == number
    if late.base is not None:
        assert all(number >= late.base for number in numbers)


def test_the_first_of_each_key_counts() -> None:
    one, other = EVERY[0], EVERY[1]
    table = read([(BASE_KEY, base_value(100)), (other.key(), b""), (one.key(), b""), (other.key(), b"")])
    assert (table.number(other), table.number(one), table.number(EVERY[2])) == (101, 102, None)


@given(RECORDS, st.integers(1, 4), st.integers(0, 3))
def test_a_shard_never_changes_and_partitions_are_spread(
    records: list[tuple[bytes | None, bytes | None]], shards: int, more: int
) -> None:
    one, topic = read([(BASE_KEY, base_value(5)), *records]), UUID(int=3)
    wanted = [Numbered("c", topic, partition) for partition in range(7)]
    numbered = read([(BASE_KEY, base_value(5)), *records, *one.records(wanted, shards)])
    places = [numbered.place(each) for each in wanted]
    counts = [sum(place is not None and place.shard == shard for place in places) for shard in range(shards)]
    assert sum(counts) == len(wanted)
    assert max(counts) - min(counts) <= 1
    again = numbered.records([*wanted, Numbered("d", topic, 0)], shards + more)
    later = read([(BASE_KEY, base_value(5)), *records, *one.records(wanted, shards), *again])
    assert [later.place(each) for each in wanted] == places


@pytest.mark.parametrize("value", [b"", None, b"{", b"[]", b'{"shard": -1}', b'{"shard": true}', b'{"shard": "2"}'])
def test_a_record_without_a_shard_is_of_the_first(value: bytes | None) -> None:
    place = read([(BASE_KEY, base_value(5)), (EVERY[0].key(), value)]).place(EVERY[0])
    assert place == (6, 0)
    assert read([(BASE_KEY, base_value(5)), (EVERY[0].key(), b'{"shard": 2}')]).place(EVERY[0]) == (6, 2)


def test_there_is_a_largest_number() -> None:
    table = read([(EVERY[0].key(), b""), (BASE_KEY, base_value(LARGEST_SOURCE)), (EVERY[1].key(), b"")])
    assert table.number(EVERY[0]) == LARGEST_SOURCE
    with pytest.raises(OverflowError):
        table.number(EVERY[1])
