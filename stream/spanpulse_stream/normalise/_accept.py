"""Which spans become rows: those with ids and an end that a row can have. The others are dead letters with a reason.

An odd parent id or start does not cost a span its row: it is set right (no parent, no duration) and noted.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.acceptable import EARLIEST_NS, refused_spans
from spanpulse_stream.columns import Numbers, Origin
from spanpulse_stream.decode import DecodedSpans
from spanpulse_stream.normalise._anomalies import Anomalies, Anomaly
from spanpulse_stream.normalise._rejections import Rejection

__all__ = ["Times", "accept", "times"]

_TRACE_ID, _SPAN_ID = 16, 8
_LONGEST_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Times:
    """ns since the Unix epoch; the duration is NULL where a span starts after its end or before `EARLIEST_NS`."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    duration: Numbers


def accept(decoded: DecodedSpans, origin: Origin) -> tuple[NDArray[np.intp], list[Rejection]]:
    """Return the spans (their indices) that become rows, and those that do not."""
    lengths = decoded.id_lengths
    received = origin.received_at[decoded.message]
    no_trace, no_span, no_time = refused_spans(lengths, decoded.trace_id, decoded.span_id, decoded.end_time, received)
    refused = no_trace | no_span | no_time
    rejected = []
    for index in np.flatnonzero(refused).tolist():
        if no_trace[index]:
            reason, detail = "invalid_trace_id", _id_detail(int(lengths[index, 0]), _TRACE_ID)
        elif no_span[index]:
            reason, detail = "invalid_span_id", _id_detail(int(lengths[index, 1]), _SPAN_ID)
        else:
            reason, detail = "time_out_of_range", f"end_time_unix_nano is {int(decoded.end_time[index])}"
        rejected.append(_rejection(decoded, origin, index, reason, detail))
    return np.flatnonzero(~refused), rejected


def times(decoded: DecodedSpans, rows: NDArray[np.intp], anomalies: Anomalies) -> Times:
    """Return when accepted spans started and ended."""
    end = decoded.end_time[rows].astype(np.int64)
    unsigned = decoded.start_time[rows]
    beyond = unsigned > np.uint64(_LONGEST_NS)
    start = np.where(beyond, end, unsigned.astype(np.int64))
    reversed_ = beyond | (start > end)
    early = start < EARLIEST_NS
    anomalies.note(Anomaly.END_BEFORE_START, reversed_)
    anomalies.note(Anomaly.START_OUT_OF_RANGE, early)
    valid = ~(reversed_ | early)
    return Times(start, end, Numbers(np.where(valid, end - start, 0), valid))


def _id_detail(length: int, right: int) -> str:
    return "all zero" if length == right else f"{length} bytes instead of {right}"


def _rejection(decoded: DecodedSpans, origin: Origin, index: int, reason: str, detail: str) -> Rejection:
    message = int(decoded.message[index])
    tenant = int(origin.tenant.codes[message])
    start, length = int(decoded.span_offset[index]), int(decoded.span_length[index])
    return Rejection(
        log_offset=int(origin.log_offset[message]),
        ordinal=int(decoded.ordinal[index]),
        received_at=int(origin.received_at[message]),
        tenant=origin.tenant.values[tenant] if tenant >= 0 else "",
        signal="traces",
        reason=reason,
        detail=detail,
        bytes=decoded.data[start : start + length].tobytes(),
    )
