"""Messages of deltas: what stands in their headers, and what is no such message."""

from datetime import date

import pyarrow as pa
import pytest

from spanpulse_sinks.clickhouse import Batch
from spanpulse_stream.deltas import Delta, NoDelta, headers_of, key_of

RECEIVED = pa.array([1_763_700_100_000], pa.timestamp("ms", "UTC"))
BATCH = Batch(12, 40, 52, date(2025, 11, 21), {"batches": pa.RecordBatch.from_pydict({"received_at": RECEIVED})})


def test_headers_name_the_batch_and_the_part() -> None:
    told = dict(headers_of(BATCH, 2, 3))
    assert told["token"] == b"12/40-52"
    assert key_of(BATCH) == b"12"
    delta = Delta.of(told.items(), b"")
    assert (delta.source, delta.first, delta.last, delta.part, delta.parts) == (12, 40, 52, 2, 3)
    assert delta.tables == {}


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ({"format": b"2"}, b""),
        ({"format": None}, b""),
        ({"source": b"one"}, b""),
        ({"last": None}, b""),
        ({}, b"no arrow"),
        ({}, b"\xff\xff\xff\xff\x00\x01\x00\x00" + bytes(50)),
    ],
)
def test_what_is_no_delta_is_said_so(changed: dict[str, bytes | None], value: bytes) -> None:
    told = {**dict(headers_of(BATCH, 1, 1)), **changed}
    with pytest.raises(NoDelta):
        Delta.of([(name, held) for name, held in told.items() if held is not None], value)
