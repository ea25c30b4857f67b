"""Compare what we decode from a message with what protobuf says, the damaged pieces included."""

from collections.abc import Sequence

from oracle.columns import comparable, log_rows, span_rows
from oracle.reference import expect
from spanpulse_stream.decode import Checked, KeyTable, Malformed, Rejected, check, decode_logs, decode_spans

# Reasons that are limits of ours: protobuf reads such pieces.
OWN_LIMITS = {"too_deep", "too_many_attributes", "too_many_events", "too_many_links", "too_many_records"}
KEYS = KeyTable(
    ["", "a", "key", "service.name", "gen_ai.system", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "é"]
)


def assert_equal(bodies: Sequence[bytes], signal: str) -> int:
    """Decode the bodies as one batch and compare every record; return how many pieces were rejected."""
    if signal == "traces":
        decoded = decode_spans(bodies, KEYS)
        rows = span_rows(decoded, KEYS)
    else:
        logs = decode_logs(bodies, KEYS)
        decoded, rows = logs, log_rows(logs, KEYS)
    rejected = {(piece.message, piece.ordinal): piece for piece in decoded.rejected}
    assert decoded.messages == len(bodies)
    assert len(rejected) == len(decoded.rejected)
    joined = b"".join(bodies)
    assert decoded.data[: len(joined)].tobytes() == joined
    for message, body in enumerate(bodies):
        mine = {ordinal: piece for (index, ordinal), piece in rejected.items() if index == message}
        found = {ordinal: row for (index, ordinal), row in rows.items() if index == message}
        _assert_message(body, signal, found, mine)
        _assert_checked(body, signal, mine, len(found))
    return len(rejected)


def _assert_message(body: bytes, signal: str, found: dict, rejected: dict[int, Rejected]) -> None:
    expected = expect(body, signal).records
    if -1 in rejected:
        assert set(rejected) == {-1}
        assert not found
        assert expected is None or rejected[-1].reason in OWN_LIMITS, rejected[-1]
        assert rejected[-1].length == len(body)
        return
    assert expected is not None, "the framing is broken, and the message was accepted"
    assert sorted([*found, *rejected]) == list(range(len(expected)))
    for ordinal, row in enumerate(expected):
        if ordinal in rejected:
            assert row is None or rejected[ordinal].reason in OWN_LIMITS, rejected[ordinal]
        else:
            assert row is not None, f"record {ordinal} is broken and was accepted"
            assert found[ordinal] == comparable(row)


def _assert_checked(body: bytes, signal: str, rejected: dict[int, Rejected], found: int) -> None:
    """`check` must come to the same verdict as decoding."""
    checked = _checked(body, signal)
    if isinstance(checked, str):
        assert rejected[-1].reason == checked
        return
    assert checked.records == found + len(rejected)
    assert [(piece.ordinal, piece.reason, piece.length) for piece in checked.rejected] == [
        (piece.ordinal, piece.reason, piece.length) for piece in rejected.values()
    ]


def _checked(body: bytes, signal: str) -> Checked | str:
    try:
        return check(body, signal)
    except Malformed as error:
        return error.reason
