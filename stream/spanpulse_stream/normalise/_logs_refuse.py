"""Which log records become no rows, and why; and the time of those that do."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.acceptable import refused_logs
from spanpulse_stream.columns import Origin
from spanpulse_stream.decode import DecodedLogs
from spanpulse_stream.normalise._rejections import Rejection

__all__ = ["Reason", "reasons_of", "rejections_of", "times_of"]

U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]


class Reason(IntEnum):
    """Why a record is refused; its name in lower case is the reason of the dead letter."""

    NONE = 0
    INVALID_TRACE_ID = 1
    INVALID_SPAN_ID = 2
    TIME_OUT_OF_RANGE = 3
    MISSING_EVALUATION_NAME = 4


def times_of(decoded: DecodedLogs, origin: Origin) -> U64:
    """Return each record's time in ns: its own, else when it was observed, else when it was received."""
    received = origin.received_at[decoded.message].astype(np.uint64) * np.uint64(1_000_000)
    observed = np.where(decoded.observed_time != 0, decoded.observed_time, received)
    return np.where(decoded.time != 0, decoded.time, observed)


def reasons_of(decoded: DecodedLogs, origin: Origin, time: U64, nameless: NDArray[np.bool_]) -> U8:
    """Return the first `Reason` to refuse each record; ``nameless`` are scores that do not say what was scored."""
    refused = refused_logs(decoded.id_lengths, time, origin.received_at[decoded.message])
    refusals = [
        (Reason.INVALID_TRACE_ID, refused.trace_id),
        (Reason.INVALID_SPAN_ID, refused.span_id),
        (Reason.TIME_OUT_OF_RANGE, refused.time),
        (Reason.MISSING_EVALUATION_NAME, nameless),
    ]
    return np.select([where for _, where in refusals], [int(reason) for reason, _ in refusals], 0).astype(np.uint8)


def rejections_of(decoded: DecodedLogs, origin: Origin, reasons: U8, time: U64) -> list[Rejection]:
    """Return the refused records, with their bytes."""
    tenants = origin.tenant.tolist()
    rejections = []
    for row in np.flatnonzero(reasons).tolist():
        message, start = int(decoded.message[row]), int(decoded.record_offset[row])
        rejections.append(
            Rejection(
                log_offset=int(origin.log_offset[message]),
                ordinal=int(decoded.ordinal[row]),
                received_at=int(origin.received_at[message]),
                tenant=tenants[message] or "",
                signal="logs",
                reason=Reason(reasons[row]).name.lower(),
                detail=_detail(decoded, row, Reason(reasons[row]), time),
                bytes=decoded.data[start : start + int(decoded.record_length[row])].tobytes(),
            )
        )
    return rejections


def _detail(decoded: DecodedLogs, row: int, reason: Reason, time: U64) -> str:
    trace, span = decoded.id_lengths[row].tolist()
    return {
        Reason.INVALID_TRACE_ID: f"{trace} bytes instead of 16 or none",
        Reason.INVALID_SPAN_ID: f"{span} bytes instead of 8 or none",
        Reason.TIME_OUT_OF_RANGE: f"{time[row]} ns: before 2000 or more than 24 h ahead of its receipt",
        Reason.MISSING_EVALUATION_NAME: "gen_ai.evaluation.name is absent or empty",
    }[reason]
