"""Dead letters as the rows that the table `dead_letters` takes.

The bytes are those that arrived, so that a later version can read them again; beyond ``most_bytes`` they are cut
and the detail says how long they were. Not guaranteed: that a cut letter can be read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

__all__ = ["MAX_BYTES", "DeadLetter", "dead_letter_rows"]

MAX_BYTES = 1024 * 1024  # more than a message has that the receiver made: 900,000
MAX_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message (ordinal -1) or one span or log record in it; ``received_at`` is ms since the epoch."""

    log_offset: int
    ordinal: int
    received_at: int
    tenant: str
    signal: str  # traces, logs
    reason: str  # one of a short list, for counting
    detail: str
    data: bytes


def dead_letter_rows(
    log_source: int, letters: Sequence[DeadLetter], *, most_bytes: int = MAX_BYTES
) -> pa.RecordBatch | None:
    """Return the rows for `dead_letters`, None where there are no letters."""
    if not letters:
        return None
    return pa.RecordBatch.from_pydict(
        {
            "log_source": pa.array([log_source] * len(letters), pa.uint32()),
            "log_offset": pa.array([letter.log_offset for letter in letters], pa.int64()),
            "ordinal": pa.array([letter.ordinal for letter in letters], pa.int32()),
            "received_at": pa.array([letter.received_at for letter in letters], pa.timestamp("ms", "UTC")),
            "tenant": pa.array([letter.tenant for letter in letters], pa.string()),
            "signal": pa.array([letter.signal for letter in letters], pa.string()),
            "reason": pa.array([letter.reason for letter in letters], pa.string()),
            "detail": pa.array([_detail(letter, most_bytes) for letter in letters], pa.string()),
            "bytes": pa.array([letter.data[:most_bytes] for letter in letters], pa.binary()),
        }
    )


def _detail(letter: DeadLetter, most_bytes: int) -> str:
    shown = letter.detail[:MAX_DETAIL]
    if len(letter.data) <= most_bytes:
        return shown
    return f"{shown} (the first {most_bytes} of {len(letter.data)} bytes are kept)".lstrip()
