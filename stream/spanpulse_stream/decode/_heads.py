"""The ids and the time of each record of one message: what decides whether it can be a row, without its attributes.

Values are those that `decode_spans` and `decode_logs` give. Not guaranteed: anything about what else a record holds.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._batch import Batch, id_pairs, unsigned
from spanpulse_stream.decode._check import Checked, Malformed
from spanpulse_stream.decode._limits import DEFAULT_LIMITS, Limits

__all__ = ["Heads", "read_heads"]


@dataclass(frozen=True, slots=True)
class Heads:
    """What of a message can be read, one entry a record, and what `check` says of the rest.

    ``offset`` is where a record stands in the message, ``lengths`` are those of its two ids; ``time`` is a span's end,
    or a log record's own time, else when it was observed, 0 for neither.
    """

    offset: NDArray[np.int64]
    lengths: NDArray[np.int32]
    trace_id: NDArray[np.uint64]
    span_id: NDArray[np.uint64]
    time: NDArray[np.uint64]
    checked: Checked


def read_heads(body: bytes, signal: Literal["traces", "logs"], limits: Limits = DEFAULT_LIMITS) -> Heads:
    """Validate a message body as `check` does, and read its records' heads. Raises Malformed."""
    is_span = signal == "traces"
    kind, size = (schema.SPAN, schema.SPAN_COLUMNS) if is_span else (schema.LOG_RECORD, schema.LOG_COLUMNS)
    batch = Batch([body], kind, limits.bounds())
    rejected = batch.rejected()
    if rejected and rejected[0].ordinal < 0:
        raise Malformed(rejected[0].reason)
    pieces, totals = batch.places().pieces, batch.totals
    children = (totals[schema.RECORD_ATTRIBUTES], totals[schema.EVENTS], totals[schema.LINKS])
    columns, _ = batch.read(pieces, kind, size, children if is_span else (children[0], 0, 0))
    return Heads(
        offset=pieces[:, 0],
        lengths=columns[:, [0, 3]].astype(np.int32),
        trace_id=id_pairs(columns, 1),
        span_id=unsigned(columns, 4),
        time=unsigned(columns, 13) if is_span else _logged(columns),
        checked=Checked(batch.records, rejected),
    )


def _logged(columns: NDArray[np.int64]) -> NDArray[np.uint64]:
    own = unsigned(columns, 5)
    return np.where(own != 0, own, unsigned(columns, 6))
