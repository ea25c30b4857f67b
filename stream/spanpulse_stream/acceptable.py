"""Which spans and log records can become rows, by their ids and times: one rule, of the pipeline and of imports.

What is refused here becomes a dead letter. Arrays have one entry a record: ``lengths`` are those of trace and span id
in bytes, times are ns since 1970, ``received`` is ms. The first reason that holds counts.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["EARLIEST_NS", "LATEST_AFTER_RECEIPT_NS", "Refused", "refused_logs", "refused_spans"]

EARLIEST_NS: Final = 946_684_800 * 10**9
"""2000-01-01: what ended before comes from a clock that was never set."""
LATEST_AFTER_RECEIPT_NS: Final = 24 * 3600 * 10**9

TRACE_ID, SPAN_ID = 16, 8

Mask = NDArray[np.bool_]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


class Refused(NamedTuple):
    """Which records are refused, and for what."""

    trace_id: Mask
    span_id: Mask
    time: Mask


def refused_spans(lengths: I32, trace_id: U64, span_id: U64, end: U64, received: I64) -> Refused:
    """Return the spans without an id, or with an end that no row can have; ``trace_id`` has two words a span."""
    no_trace = (lengths[:, 0] != TRACE_ID) | ~trace_id.any(axis=1)
    no_span = (lengths[:, 1] != SPAN_ID) | (span_id == 0)
    return Refused(no_trace, no_span, _out_of_range(end, received))


def refused_logs(lengths: I32, time: U64, received: I64) -> Refused:
    """Return the log records whose ids are there and none, or whose time no row can have."""
    trace, span = lengths[:, 0], lengths[:, 1]
    no_trace, no_span = (trace != 0) & (trace != TRACE_ID), (span != 0) & (span != SPAN_ID)
    return Refused(no_trace, no_span, _out_of_range(time, received))


def _out_of_range(time: U64, received: I64) -> Mask:
    latest = (received * 10**6 + LATEST_AFTER_RECEIPT_NS).astype(np.uint64)
    return (time < np.uint64(EARLIEST_NS)) | (time > latest)
