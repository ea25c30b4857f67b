"""Which values of a dimension enter the rollups: the first ones of a tenant and day, in log order.

A value that comes when the set of its tenant, dimension and day of receipt is full is rolled up as ``__other__``.
The decision is a function of the log of one source: the sets are the fold of the rows of ``dimension_values``.
A correction asks the set of the day its span was received on, so it always meets the value that the span was
counted under; only the source and day of the batch at hand admit new values. The bound is per log source: the
rollups of a cluster with p partitions hold at most p times as many values.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.day import DAY_MS, day_of

__all__ = ["OTHER", "Admission", "DimensionCaps", "Load", "Scopes"]

OTHER = "__other__"
SMALL_SETS = ("error_type", "score.label")  # their values are the keys of maps, which are read as a whole
Load = Callable[[int, int], Iterable[tuple[str, str, str]]]
Sets = dict[tuple[str, str], set[str]]  # (tenant, dimension) -> values


class DimensionCaps:
    """The sets of the ``days`` newest (log source, day) pairs that were asked for; older ones are loaded again.

    ``load(log_source, day)`` yields (tenant, dimension, value) of the rows of ``dimension_values`` that batches
    before the one at hand wrote; ``day`` counts from 1970. ``limit`` bounds a set, ``map_limit`` one of map keys.
    Not to be shared between threads: one for each partition.
    """

    def __init__(self, load: Load, *, limit: int = 2000, map_limit: int = 256, days: int = 4) -> None:
        self._load = load
        self._limit = limit
        self._map_limit = map_limit
        self._days = days
        self._sets: dict[tuple[int, int], Sets] = {}

    def limit_of(self, dimension: str) -> int:
        """Return how many values the set of a dimension may hold."""
        return self._map_limit if dimension in SMALL_SETS else self._limit

    def known(self, log_source: int, day: int) -> Sets:
        """Return the sets of a source and day; not to be changed by the caller."""
        key = (log_source, day)
        if key not in self._sets:
            sets: Sets = {}
            for tenant, dimension, value in self._load(log_source, day):
                sets.setdefault((tenant, dimension), set()).add(value)
            self._sets[key] = sets
        while len(self._sets) > self._days:
            # Today's set is never let go: what was admitted to it may not be written yet.
            del self._sets[min((other for other in self._sets if other != key), key=itemgetter(1))]
        return self._sets[key]

    def advance(self, admitted: pa.RecordBatch) -> None:
        """Take over the rows of ``dimension_values`` that a batch wrote, once it is committed."""
        if not admitted.num_rows:
            return
        source = admitted["log_source"][0].as_py()
        sets = self.known(source, day_of(admitted["received_at"].cast(pa.int64())[0].as_py()))
        names = (admitted[name].to_pylist() for name in ("tenant", "dimension", "value"))
        for tenant, dimension, value in zip(*names, strict=True):
            sets.setdefault((tenant, dimension), set()).add(value)


@dataclass(frozen=True, slots=True)
class Scopes:
    """Whose sets the rows ask: row i belongs to ``of[of_row[i]]`` = (log source, day, tenant)."""

    of_row: NDArray[np.int64]
    of: list[tuple[int, int, str]]

    def take(self, rows: NDArray[np.integer]) -> "Scopes":
        """Return the scopes of the rows picked by index."""
        return Scopes(self.of_row[rows], self.of)


@dataclass(slots=True)
class Admission:
    """What one batch admits; the caps themselves stay as they are."""

    caps: DimensionCaps
    log_source: int
    day: int
    admitted: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    _known: dict[tuple[int, int], Sets] = field(default_factory=dict)

    def fold(self, dimension: str, words: Words, scopes: Scopes) -> Words:
        """Return the rows with ``__other__`` for each value that has no place; ``words`` has no NULLs."""
        size = len(words.values)
        pairs = _in_order_of_appearance(scopes.of_row * size + words.codes, len(scopes.of) * size)
        refused = [pair for pair in pairs.tolist() if not self._admits(dimension, words, scopes, pair)]
        if not refused:
            return words
        hit = np.isin(scopes.of_row * size + words.codes, np.array(refused))
        values = words.values if OTHER in words.values else [*words.values, OTHER]
        return Words(np.where(hit, np.int32(values.index(OTHER)), words.codes), values)

    def rows(self, end_offset: int) -> pa.RecordBatch:
        """Return the rows for ``dimension_values``: they carry the batch's last offset and the start of its day."""
        found = [(tenant, name, value) for (tenant, name), values in self.admitted.items() for value in values]
        count = len(found)
        received_at = pa.array(np.full(count, self.day * DAY_MS)).cast(pa.timestamp("ms", "UTC"))
        columns = {
            "log_source": pa.array(np.full(count, self.log_source, np.uint32)),
            "log_offset": pa.array(np.full(count, end_offset - 1, np.int64)),
            "received_at": received_at,
            **{
                name: pa.array([row[place] for row in found], pa.string())
                for place, name in enumerate(("tenant", "dimension", "value"))
            },
        }
        return pa.RecordBatch.from_pydict(columns)

    def _admits(self, dimension: str, words: Words, scopes: Scopes, pair: int) -> bool:
        scope, code = divmod(pair, len(words.values))
        value = words.values[code]
        source, day, tenant = scopes.of[scope]
        if (source, day) not in self._known:
            self._known[source, day] = self.caps.known(source, day)
        known = self._known[source, day].get((tenant, dimension), ())
        if value in {"", OTHER} or value in known:
            return True
        if (source, day) != (self.log_source, self.day):
            return False
        new = self.admitted.setdefault((tenant, dimension), {})
        if value not in new and len(known) + len(new) >= self.caps.limit_of(dimension):
            return False
        new[value] = None
        return True


def _in_order_of_appearance(keys: NDArray[np.int64], bound: int) -> NDArray[np.int64]:
    """Return the distinct keys, which are below ``bound``, in the order of their first row."""
    if bound > 4 * keys.size + 1024:
        distinct, first = np.unique(keys, return_index=True)
        return distinct[np.argsort(first)]
    first = np.full(bound, -1, np.int64)
    first[keys[::-1]] = np.arange(keys.size - 1, -1, -1)  # the last write, the first row, stays
    found = np.flatnonzero(first >= 0)
    return found[np.argsort(first[found])]
