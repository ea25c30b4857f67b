"""Log records that become no row: why, where they lie, and that nothing else goes with them."""

from typing import Any

import pytest

from logevents import RECEIVED_MS, TIME_NS, normalise, record, request

DAY_MS = 24 * 3600 * 1000
YEAR_2000 = 946_684_800_000_000_000


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b"t" * 15}, "invalid_trace_id"),
        ({"trace_id": b"t" * 17}, "invalid_trace_id"),
        ({"span_id": b"s"}, "invalid_span_id"),
        ({"span_id": b"s" * 16}, "invalid_span_id"),
        ({"time_unix_nano": YEAR_2000 - 1}, "time_out_of_range"),
        ({"time_unix_nano": (RECEIVED_MS + DAY_MS) * 1_000_000 + 1}, "time_out_of_range"),
        ({"time_unix_nano": 2**64 - 1}, "time_out_of_range"),
        ({"time_unix_nano": 0, "observed_time_unix_nano": 1}, "time_out_of_range"),
    ],
)
def test_a_bad_record_is_refused_alone(fields: dict[str, Any], reason: str) -> None:
    bad = record("gen_ai.user.message", {"content": "hi"}, **fields)
    good = record("gen_ai.user.message", {"content": "hi"})
    found = normalise(request(good), request(good, bad, good))
    assert found.columns.log_offset.tolist() == [100, 101, 101]
    assert found.columns.ordinal.tolist() == [0, 0, 2]
    assert [row["record"] for row in found.texts] == [0, 1, 2]
    (refused,) = found.rejected
    assert (refused.log_offset, refused.ordinal, refused.received_at) == (101, 1, RECEIVED_MS)
    assert (refused.tenant, refused.signal, refused.reason) == ("acme", "logs", reason)
    assert refused.detail
    assert refused.bytes == bad.SerializeToString()


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({"time_unix_nano": YEAR_2000}, YEAR_2000),
        ({"time_unix_nano": (RECEIVED_MS + DAY_MS) * 1_000_000}, (RECEIVED_MS + DAY_MS) * 1_000_000),
        ({"time_unix_nano": 0, "observed_time_unix_nano": TIME_NS + 5}, TIME_NS + 5),
        ({"time_unix_nano": TIME_NS, "observed_time_unix_nano": 1}, TIME_NS),
        ({"time_unix_nano": 0, "observed_time_unix_nano": 0}, RECEIVED_MS * 1_000_000),
    ],
)
def test_a_record_has_the_best_time_there_is(fields: dict[str, Any], time: int) -> None:
    found = normalise(request(record("gen_ai.user.message", {"content": "hi"}, **fields)))
    assert [row["time"] for row in found.texts] == [time]


@pytest.mark.parametrize("ids", [{"trace_id": b"", "span_id": b""}, {"trace_id": bytes(16), "span_id": bytes(8)}])
def test_a_record_needs_no_span(ids: dict[str, bytes]) -> None:
    (row,) = normalise(request(record("gen_ai.user.message", {"content": "hi"}, **ids))).texts
    assert (row["trace_id"], row["span_id"]) == ([0, 0], 0)


def test_what_cannot_be_decoded_is_refused_in_log_order() -> None:
    bad = record("other", trace_id=b"t")
    found = normalise(request(bad), b"\x0a\x7f", request(bad, record("other")))
    assert [(each.log_offset, each.ordinal, each.reason) for each in found.rejected] == [
        (100, 0, "invalid_trace_id"),
        (101, -1, "truncated"),
        (102, 0, "invalid_trace_id"),
    ]
    assert found.columns.log_offset.tolist() == [102]
