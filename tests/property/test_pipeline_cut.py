"""Cutting: every message once, in order, never across a day, and a claimed range exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.pipeline._cut import DAY_MS, BatchCutter, Incoming, OffsetGap


def messages(records: list[int], gaps: list[int], start: int) -> list[Incoming]:
    made, now = [], DAY_MS - 5_000
    for index, (count, gap) in enumerate(zip(records, gaps, strict=True)):
        now += gap
        made.append(Incoming(start + index, now, "default", "traces", count, b""))
    return made


STREAM = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3_000)), min_size=1, max_size=40)


@given(STREAM, st.integers(0, 10**12), st.integers(1, 120), st.lists(st.integers(1, 9), max_size=40))
def test_batches_are_the_stream_cut_at_days_and_sizes(
    stream: list[tuple[int, int]], start: int, most: int, takes: list[int]
) -> None:
    source = messages([r for r, _ in stream], [g for _, g in stream], start)
    cutter, out, rest = BatchCutter(most), [], list(source)
    for take in [*takes, len(source)]:
        for message in rest[:take]:
            cutter.add(message)
        rest = rest[take:]
        out += list(cutter.batches())
    assert [message for batch in out for message in batch] == source
    for batch in out:
        assert len({message.appended_at // DAY_MS for message in batch}) == 1
        assert len(batch) == 1 or sum(message.records for message in batch) <= most


@given(STREAM, st.data())
def test_a_claimed_range_is_one_batch_however_it_arrives(stream: list[tuple[int, int]], data: st.DataObject) -> None:
    source = messages([r for r, _ in stream], [0 for _ in stream], 7)
    end = data.draw(st.integers(1, len(source)))
    cutter, out = BatchCutter(10), []
    cutter.expect(7 + end)
    for message in source:
        cutter.add(message)
        out += list(cutter.batches())
    assert out[0] == source[:end]
    assert [message for batch in out for message in batch] == source


def test_a_gap_is_refused() -> None:
    cutter = BatchCutter(10)
    cutter.add(Incoming(1, 0, "default", "traces", 1, b""))
    assert len(list(cutter.batches())) == 1
    with pytest.raises(OffsetGap):
        cutter.add(Incoming(3, 0, "default", "traces", 1, b""))
