"""Dead letters as messages: the bytes, all that is known of them in headers, and a bound."""

from datetime import date

import pyarrow as pa

from spanpulse_sinks.clickhouse import Batch
from spanpulse_sinks.dead_letters import DeadLetter, dead_letter_rows
from spanpulse_stream.letters import letter_messages
from spanpulse_stream.partitions import TP

AT = 1_763_700_100_000
ROW = pa.RecordBatch.from_pydict({"received_at": pa.array([AT], pa.timestamp("ms", "UTC"))})


def batch(*letters: DeadLetter) -> Batch:
    return Batch(12, 40, 52, date(2025, 11, 21), {"batches": ROW, "dead_letters": dead_letter_rows(12, letters)})


def test_each_letter_is_a_message_with_its_bytes() -> None:
    letters = [
        DeadLetter(41, 3, AT, "acme", "traces", "too_deep", "", b"\x0a\x00"),
        DeadLetter(44, -1, AT, "läden", "logs", "processing_failed", "ValueError: ü", b"all of it"),
    ]
    one, other = letter_messages("x.dead-letter", TP("x.otlp", 5), batch(*letters), 1 << 20)
    assert (one.topic, one.key, one.value) == ("x.dead-letter", b"12", b"\x0a\x00")
    assert dict(one.headers) == {
        "token": b"12/41/3",
        "reason": b"too_deep",
        "detail": b"",
        "signal": b"traces",
        "tenant": b"acme",
        "topic": b"x.otlp",
        "partition": b"5",
        "offset": b"41",
        "ordinal": b"3",
    }
    told = dict(other.headers)
    assert (other.value, told["token"], told["tenant"]) == (b"all of it", b"12/44/-1", "läden".encode())


def test_a_batch_without_letters_has_none() -> None:
    assert list(letter_messages("t", TP("x", 0), batch(), 1 << 20)) == []


def test_a_message_is_no_larger_than_the_topic_takes() -> None:
    large = DeadLetter(41, -1, AT, "acme", "traces", "multiplies", "d" * 5000, bytes(2 << 20))
    (found,) = letter_messages("t", TP("x", 0), batch(large), 1 << 20)
    size = len(found.value) + sum(len(name) + len(text) for name, text in found.headers)
    assert 900_000 < len(found.value) < size < 1 << 20
