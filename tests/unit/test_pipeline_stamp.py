"""A message counts as received on a day that is kept, whatever stamp the log has of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.requests import resource_spans, span, traces
from spanpulse_stream.pipeline import BatchCutter, Incoming, stamped
from spanpulse_stream.pipeline._cut import RECEIVED_AT_UNUSABLE
from spanpulse_stream.pipeline._stamp import EARLIEST_MS, LATEST_MS

NOW_MS = 1_795_900_000_000
UNUSABLE = (-1, 0, 1, EARLIEST_MS - 1, LATEST_MS, 32_503_680_000_000, 1 << 62, -(1 << 62))


def message(value: bytes, stamp: int = 0, **more: str) -> Incoming:
    made = Incoming(7, stamp, "acme", "traces", 1, value)
    return replace(made, **more)  # type: ignore[arg-type]


def ended(*ends_ms: int) -> bytes:
    """Return a request of spans that end at these times."""
    spans = []
    for number, end in enumerate(ends_ms, start=1):
        made = span(number)
        made.end_time_unix_nano = end * 1_000_000
        spans.append(made)
    return traces(resource_spans({}, spans))


@pytest.mark.parametrize("stamp", [EARLIEST_MS, NOW_MS, LATEST_MS - 1])
def test_a_usable_stamp_is_left(stamp: int) -> None:
    plain = message(b"garbage", stamp)
    assert stamped(plain) is plain


@pytest.mark.parametrize("stamp", UNUSABLE)
def test_else_the_newest_record_that_says_a_usable_time_does(stamp: int) -> None:
    found = stamped(message(ended(NOW_MS - 5, NOW_MS, 0, LATEST_MS + 1), stamp))
    assert (found.appended_at, found.unreadable) == (NOW_MS, "")


def test_json_says_it_too() -> None:
    value = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":"1795900000000000000"}]}]}]}'
    assert stamped(message(value, encoding="otlp_json")).appended_at == NOW_MS


def test_a_log_record_says_it_too() -> None:
    value = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"observedTimeUnixNano":"1795900000000000000"}]}]}]}'
    assert stamped(message(value, encoding="otlp_json", signal="logs")).appended_at == NOW_MS


@pytest.mark.parametrize(
    "plain",
    [
        message(b"\xff\xff"),
        message(b""),
        message(ended(0)),
        message(ended(NOW_MS), signal="metrics"),
        message(b"{", encoding="otlp_json"),
        message(b"\xff", encoding="otlp_json", signal="logs"),
    ],
)
def test_what_says_no_time_at_all_is_marked_and_keeps_its_bytes(plain: Incoming) -> None:
    found = stamped(plain)
    assert (found.appended_at, found.value, found.reason) == (EARLIEST_MS, plain.value, RECEIVED_AT_UNUSABLE)
    assert "at 0 ms" in found.unreadable


@given(
    st.binary(max_size=64),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from(["traces", "logs", "x"]),
    st.booleans(),
)
def test_whatever_comes_has_a_day_that_the_database_knows(value: bytes, stamp: int, signal: str, is_json: bool) -> None:
    encoding = "otlp_json" if is_json else "otlp_proto"
    found = stamped(message(value, stamp, signal=signal, encoding=encoding))
    assert EARLIEST_MS <= found.appended_at < LATEST_MS
    assert stamped(found) is found


@pytest.mark.parametrize("undated", [[], [0], [3], [0, 1, 4], [1, 2, 3], [4, 5]])
def test_a_message_without_a_time_gets_that_of_its_batch_however_it_is_replayed(undated: list[int]) -> None:
    days = [NOW_MS, NOW_MS, NOW_MS + 1, NOW_MS + 86_400_000, NOW_MS + 86_400_000, NOW_MS + 86_400_001]
    log = [
        stamped(replace(message(b"garbage", 0 if offset in undated else stamp), offset=offset))
        for offset, stamp in enumerate(days)
    ]
    cutter = BatchCutter(100)
    for each in log:
        cutter.add(each)
    batches = [cutter.take(), cutter.take()]
    assert cutter.take() == []
    assert [each.offset for batch in batches for each in batch] == list(range(6))
    for batch in filter(None, batches):
        assert {each.day for each in batch} <= {days[0] // 86_400_000, days[3] // 86_400_000}
        assert len({each.day for each in batch}) == 1
        again = BatchCutter(1)
        again.expect(batch[0].offset, batch[-1].offset + 1)
        for each in log[batch[0].offset :]:
            again.add(each)
        assert again.take() == batch


def test_a_batch_of_which_nothing_says_a_time_is_of_the_earliest_day() -> None:
    cutter = BatchCutter(100)
    cutter.add(stamped(message(b"garbage")))
    assert [each.appended_at for each in cutter.take()] == [EARLIEST_MS]
