"""What stored calls state of their own cost: read only of calls that a price book has no price for any more.

A call whose stored cost is the stated one says it by that; of the others the attributes do. Not guaranteed: a cost that
stood in an object of usage or in a response, for those are not stored as they came.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers
from spanpulse_stream.normalise import STATED_IN, stated_in
from spanpulse_stream.pipeline import Read
from spanpulse_stream.rollup import RollupRows, words_where

__all__ = ["add_stated", "stated_already"]


def stated_already(rows: RollupRows) -> Numbers:
    """Return the costs in 1e-12 USD of the calls whose stored cost is the stated one; it may be changed."""
    return Numbers(rows.cost.values.copy(), rows.cost.valid & words_where(rows.cost_confidence, {"provider"}))


def add_stated(stated: Numbers, read: Read, calls: pa.Table, which: NDArray[np.intp]) -> bool:
    """Add what the attributes of some ``calls``, of one source and received day, state; whether they state anything.

    Raises QueryFailed.
    """
    offsets, ordinals = (calls[name].to_pylist() for name in ("log_offset", "ordinal"))
    places = {(offsets[row], ordinals[row]): row for row in which.tolist()}
    asked = [offset for offset, _ in places]
    keys = ", ".join(f"'{key}'" for key in STATED_IN)
    found = read(
        f"SELECT log_offset, ordinal, emitter_name, mapFilter((k, v) -> k IN ({keys}), attributes) AS stating"
        f" FROM span_rows WHERE log_source = {calls['log_source'][0].as_py()}"
        f" AND toDate(received_at) = '{calls['received_at'][0].as_py().date()}'"
        f" AND log_offset BETWEEN {min(asked)} AND {max(asked)} AND notEmpty(stating)"
    )
    any_stated = False
    for each in found.to_pylist():
        row = places.get((each["log_offset"], each["ordinal"]))
        cost = None if row is None else stated_in(each["emitter_name"], dict(each["stating"]))
        if row is not None and cost is not None:
            stated.values[row], stated.valid[row], any_stated = cost, True, True
    return any_stated
