"""Cutting: every message once, in order, never across a day, within the bounds, and a claimed range exactly."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.pipeline._cut import BatchCutter, Incoming, OffsetGap

DAY_MS = 86_400_000
Shape = tuple[int, int, int]  # records, bytes, ms since the message before it


def messages(shapes: list[Shape], start: int, missing: list[int] | None = None) -> list[Incoming]:
    """Return messages of some shapes; before each, as many offsets are ``missing`` as it says."""
    made, now, offset = [], DAY_MS - 5_000, start
    for (records, size, gap), lack in itertools.zip_longest(shapes, (missing or [])[: len(shapes)]):
        now += gap
        offset += lack or 0
        made.append(Incoming(offset, now, "default", "traces", records, bytes(size)))
        offset += 1
    return made


def cut(cutter: BatchCutter, source: list[Incoming], takes: list[int]) -> list[list[Incoming]]:
    """Cut ``source``, of which ``takes`` messages arrive at a time."""
    out, rest = [], list(source)
    for take in [*takes, len(source)]:
        for message in rest[:take]:
            cutter.add(message)
        rest = rest[take:]
        while batch := cutter.take():
            out.append(batch)
    return out


def size(batch: list[Incoming]) -> int:
    return sum(len(message.value) for message in batch)


SHAPES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 400), st.integers(0, 3_000)), min_size=1, max_size=40)
TAKES = st.lists(st.integers(0, 9), max_size=40)
MISSING = st.lists(st.integers(0, 3), max_size=40)
MOST_RECORDS, MOST_BYTES = st.integers(1, 120), st.integers(1, 900)


@given(SHAPES, st.integers(0, 10**12), MOST_RECORDS, MOST_BYTES, TAKES)
def test_batches_are_the_stream_cut_at_days_records_and_bytes(
    shapes: list[Shape], start: int, most_records: int, most_bytes: int, takes: list[int]
) -> None:
    source = messages(shapes, start)
    out = cut(BatchCutter(most_records, most_bytes), source, takes)
    assert [message for batch in out for message in batch] == source
    for batch in out:
        assert len({message.appended_at // DAY_MS for message in batch}) == 1
        assert len(batch) == 1 or sum(message.records for message in batch) <= most_records
        assert len(batch) == 1 or size(batch) <= most_bytes


@given(SHAPES, MOST_RECORDS, MOST_BYTES)
def test_a_batch_ends_only_where_it_must(shapes: list[Shape], most_records: int, most_bytes: int) -> None:
    out = cut(BatchCutter(most_records, most_bytes), messages(shapes, 0), [])
    for batch, after in itertools.pairwise(out):
        longer = [*batch, after[0]]
        assert (
            sum(message.records for message in longer) > most_records
            or size(longer) > most_bytes
            or len({message.appended_at // DAY_MS for message in longer}) > 1
        )


@given(SHAPES, MOST_RECORDS, MOST_BYTES, TAKES, TAKES, st.data())
def test_a_claim_makes_the_same_batch_again_under_any_bounds(
    shapes: list[Shape], most_records: int, most_bytes: int, takes: list[int], again: list[int], data: st.DataObject
) -> None:
    source = messages(shapes, 7)
    batches = cut(BatchCutter(most_records, most_bytes), source, takes)
    claimed = data.draw(st.sampled_from(batches))
    replay = [message for message in source if message.offset >= claimed[0].offset]
    cutter = BatchCutter(data.draw(MOST_RECORDS), data.draw(MOST_BYTES))
    cutter.expect(claimed[0].offset, claimed[-1].offset + 1)
    out = cut(cutter, replay, again)
    assert out[0] == claimed
    assert [message for batch in out for message in batch] == replay


@given(SHAPES, st.data())
def test_nothing_comes_before_a_claimed_range_is_whole(shapes: list[Shape], data: st.DataObject) -> None:
    source = messages(shapes, 7)
    end = data.draw(st.integers(8, 7 + len(source)))
    cutter = BatchCutter(10, 10)
    cutter.expect(7, end)
    for message in source:
        assert cutter.incomplete == (message.offset < end)
        assert not (cutter.incomplete and (cutter.full or cutter.take()))
        cutter.add(message)
    assert cutter.full
    assert not cutter.incomplete


@given(SHAPES, MOST_RECORDS, MOST_BYTES)
def test_what_waits_is_counted(shapes: list[Shape], most_records: int, most_bytes: int) -> None:
    cutter, waiting = BatchCutter(most_records, most_bytes), messages(shapes, 0)
    for message in waiting:
        cutter.add(message)
    while waiting:
        assert (cutter.records, cutter.bytes) == (sum(each.records for each in waiting), size(waiting))
        assert cutter.full == (cutter.records >= most_records or cutter.bytes >= most_bytes)
        waiting = waiting[len(cutter.take()) :]
    assert (cutter.records, cutter.bytes, cutter.take(), cutter.full) == (0, 0, [], False)


@given(SHAPES, MISSING, MOST_RECORDS, MOST_BYTES, TAKES)
def test_offsets_that_are_missing_change_no_batch(
    shapes: list[Shape], missing: list[int], most_records: int, most_bytes: int, takes: list[int]
) -> None:
    with_gaps = cut(BatchCutter(most_records, most_bytes, gaps=True), messages(shapes, 7, missing), takes)
    without = cut(BatchCutter(most_records, most_bytes), messages(shapes, 7), takes)
    assert [[each.value for each in batch] for batch in with_gaps] == [[each.value for each in one] for one in without]


@given(SHAPES, MISSING, MOST_RECORDS, MOST_BYTES, TAKES, st.data())
def test_a_claim_of_a_range_with_gaps_makes_the_same_batch_of_what_is_left(
    shapes: list[Shape], missing: list[int], most_records: int, most_bytes: int, takes: list[int], data: st.DataObject
) -> None:
    source = messages(shapes, 7, missing)
    claimed = data.draw(st.sampled_from(cut(BatchCutter(most_records, most_bytes, gaps=True), source, takes)))
    first, end = claimed[0].offset, claimed[-1].offset + 1
    kept = data.draw(st.integers(0, end + 1))  # what lies below was deleted meanwhile
    replay = [message for message in source if message.offset >= max(first, kept)]
    cutter = BatchCutter(data.draw(MOST_RECORDS), data.draw(MOST_BYTES), gaps=True)
    cutter.expect(first, end)
    out = cut(cutter, replay, data.draw(TAKES))
    if left := [message for message in claimed if message.offset >= kept]:
        assert out[0] == left
    assert [message for batch in out for message in batch] == replay
    assert not any(batch[0].offset < end <= batch[-1].offset for batch in out), "none reaches over the claim's end"


@given(SHAPES, MISSING, st.data())
def test_a_claimed_range_is_whole_when_its_last_offset_or_one_behind_it_came(
    shapes: list[Shape], missing: list[int], data: st.DataObject
) -> None:
    source = messages(shapes, 7, missing)
    end = data.draw(st.integers(8, source[-1].offset + 3))
    cutter, seen = BatchCutter(1000, 10**6, gaps=True), 6
    cutter.expect(7, end)
    for message in source:
        assert cutter.incomplete == (seen < end - 1)
        assert not (cutter.incomplete and (cutter.full or cutter.take()))
        cutter.add(message)
        seen = message.offset
    if batch := cutter.take():
        assert seen >= end - 1
        assert batch[0].offset >= end or batch == [message for message in source if message.offset < end]


@pytest.mark.parametrize("offset", [0, 1])
def test_offsets_that_go_back_are_refused_with_gaps_too(offset: int) -> None:
    cutter = BatchCutter(10, gaps=True)
    cutter.add(Incoming(1, 0, "default", "traces", 1, b""))
    with pytest.raises(OffsetGap):
        cutter.add(Incoming(offset, 0, "default", "traces", 1, b""))


def test_a_gap_is_refused() -> None:
    cutter = BatchCutter(10)
    cutter.add(Incoming(1, 0, "default", "traces", 1, b""))
    assert len(cutter.take()) == 1
    with pytest.raises(OffsetGap):
        cutter.add(Incoming(3, 0, "default", "traces", 1, b""))


def test_a_claim_that_does_not_start_with_the_first_message_is_refused() -> None:
    cutter = BatchCutter(10)
    cutter.expect(3, 9)
    with pytest.raises(OffsetGap):
        cutter.add(Incoming(4, 0, "default", "traces", 1, b""))
