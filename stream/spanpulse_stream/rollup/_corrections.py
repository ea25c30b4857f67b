"""Corrections of stored spans as signed rows: what was counted is taken back, what counts now is added.

Not guaranteed: a row for each correction. A span that was not kept, or whose day has expired, has none.
"""

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import Words
from spanpulse_stream.rollup._rows import RollupRows, concat
from spanpulse_stream.rollup._words import take
from spanpulse_stream.usage import Corrections

__all__ = ["correction_rows"]

FILLED = ("user_id", "prompt_name", "prompt_version")


def correction_rows(stored: pa.Table, corrections: Corrections, received_day: int) -> RollupRows:
    """Return the rows of the corrected spans, as they were (-1) and as they are (+1).

    ``stored`` are those spans in their newest state before the batch, with the columns of `span_rows` and in any
    order; others are left alone. ``received_day`` is the day of the batch that corrects. Raises ValueError when
    ``stored`` holds a span twice.
    """
    before = RollupRows.of_table(stored, received_day=received_day)
    places = _places(stored)
    targets = zip(corrections.target_log_offset.tolist(), corrections.target_ordinal.tolist(), strict=True)
    found = np.array([places.get(target, -1) for target in targets], np.int64)
    which = np.flatnonzero(found >= 0)
    before = before.take(found[which])
    filled: dict[str, Words] = {name: take(getattr(corrections, name), which) for name in FILLED}
    after = before.corrected(corrections.discounted[which], corrections.dropped[which], filled)
    return concat([before.negate(), after])


def _places(stored: pa.Table) -> dict[tuple[int, int], int]:
    positions = zip(stored["log_offset"].to_pylist(), stored["ordinal"].to_pylist(), strict=True)
    places = {position: row for row, position in enumerate(positions)}
    if len(places) != stored.num_rows:
        raise ValueError("the stored spans hold a span twice: their positions are of one log source, each once")
    return places
