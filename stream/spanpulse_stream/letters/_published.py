"""The dead letters of a batch as messages for others to read: the bytes, and in headers all that is known of them.

What stands in the messages is what the table keeps, under the content policy of the batch. Not guaranteed: that a
message comes once; its token, the letter's position, is the same each time.
"""

from collections.abc import Iterator

from spanpulse_sinks.clickhouse import Batch
from spanpulse_stream.kafka import Outgoing
from spanpulse_stream.letters._position import Position
from spanpulse_stream.partitions import TP

__all__ = ["letter_messages"]

FRAME_BYTES = 16 * 1024  # more than headers and key take


def letter_messages(topic: str, tp: TP, batch: Batch, most_bytes: int) -> Iterator[Outgoing]:
    """Yield the messages for ``topic`` of a batch of ``tp``; none is larger than ``most_bytes``."""
    rows = batch.tables.get("dead_letters")
    for row in rows.to_pylist() if rows is not None else ():
        told = {
            "token": str(Position(row["log_source"], row["log_offset"], row["ordinal"])),
            "reason": row["reason"],
            "detail": row["detail"],
            "signal": row["signal"],
            "tenant": row["tenant"],
            "topic": tp.topic,
            "partition": str(tp.partition),
            "offset": str(row["log_offset"]),
            "ordinal": str(row["ordinal"]),
        }
        headers = tuple((name, text.encode()) for name, text in told.items())
        yield Outgoing(topic, str(batch.log_source).encode(), row["bytes"][: most_bytes - FRAME_BYTES], headers)
