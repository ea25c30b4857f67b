"""What of a request becomes no row: records that cannot be read, and those whose ids or times no row can have.

The second are as good as unreadable to who imports a file: they are appended and become dead letters too. Not judged:
what only shows with all of a record's attributes, as a score without a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanpulse_stream.acceptable import Refused, refused_logs, refused_spans
from spanpulse_stream.decode import Heads, Limits, read_heads
from spanpulse_stream.log import Signal

__all__ = ["Judged", "judge"]

MS: Final = 1_000_000
REASONS: Final = {
    "trace_id": "its trace id is no 16 bytes, or all zero",
    "span_id": "its span id is no 8 bytes, or all zero",
    "time": "its time, a span's end, is before the year 2000 or more than a day from now",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """How many ``records`` a request has, and of each that becomes none: where it begins and why."""

    records: int
    refused: list[tuple[int, str]]


def judge(body: bytes, signal: Signal, limits: Limits, now_ms: int) -> Judged:
    """Return what becomes of a request that is received now. Raises Malformed."""
    heads = read_heads(body, signal, limits)
    unreadable = [(piece.offset, piece.reason) for piece in heads.checked.rejected]
    refused = _refused(heads, signal, now_ms)
    found = sorted([*unreadable, *_told(heads, refused)]) if any(mask.any() for mask in refused) else unreadable
    return Judged(heads.checked.records, found)


def _refused(heads: Heads, signal: Signal, now_ms: int) -> Refused:
    received = np.full(len(heads.offset), now_ms, np.int64)
    if signal == "traces":
        return refused_spans(heads.lengths, heads.trace_id, heads.span_id, heads.time, received)
    time = np.where(heads.time != 0, heads.time, np.uint64(now_ms * MS))
    return refused_logs(heads.lengths, time, received)


def _told(heads: Heads, refused: Refused) -> Iterator[tuple[int, str]]:
    for row in np.flatnonzero(refused.trace_id | refused.span_id | refused.time).tolist():
        name = next(name for name, mask in refused._asdict().items() if mask[row])
        yield int(heads.offset[row]), REASONS[name]
