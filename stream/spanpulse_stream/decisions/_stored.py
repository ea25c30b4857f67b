"""What partitions have stored, read for all of them together: which batches there are, and what is in them.

A batch is there once it has rows in `batches`, which are written last, so whatever is read of such a batch is whole.
Every query has limits. Not guaranteed: that a batch is listed whose first message came more than OLDEST_MS before the
reading began.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_sinks.clickhouse import Database, QueryLimits, query
from spanpulse_stream.decisions._union import COUNTED, DROPPED, FILLED, STORED
from spanpulse_stream.usage import CONTEXT_FIELDS, SEEN_SCHEMA

T = TypeVar("T")

__all__ = ["BATCHES_OF_A_SOURCE", "UPDATES", "Listed", "Range", "Stored"]

# Bounded by the ranges that are asked for: an answer is whole or of no use.
LIMITS: Final = QueryLimits(seconds=15, rows=0, result_bytes=512 << 20, memory_bytes=512 << 20)
OLDEST_MS: Final = 2 * 86_400_000
SLACK_MS: Final = 600_000  # a broker's clock may step back within a batch
SOURCES_AT_ONCE: Final = 64  # ranges that one query names
BATCHES_OF_A_SOURCE: Final = 2_000  # listed at once
SPANS: Final = ", ".join(name for name in SEEN_SCHEMA.names if name != "record")
IS_FILLED: Final = " + ".join(
    f"{bit} * (ifNull({name}, '') != '')" for name, bit in zip(CONTEXT_FIELDS, FILLED, strict=True)
)
IDS: Final = {
    "trace_high": "substring(trace_id, 1, 16)",
    "trace_low": "substring(trace_id, 17, 16)",
    "span": "span_id",
}
NUMBERED: Final = ", ".join(f"reinterpretAsUInt64(reverse(unhex({text}))) AS {name}" for name, text in IDS.items())
UPDATES: Final = (
    f"log_source, target_log_offset, target_ordinal, tenant, {NUMBERED}, ifNull(NOT counted, 0) AS discounted,"
    f" ifNull(toUInt8(dropped), 0) AS dropped, toUInt8({IS_FILLED} + {DROPPED} * ifNull(toUInt8(dropped), 0)) AS told"
)
"""The columns that corrections are read as; ``told`` has the bits of what they fill in."""


class Listed(NamedTuple):
    """A batch: its offsets from ``first`` to before ``end``, when it was received (ms), its spans and corrections."""

    log_source: int
    first: int
    end: int
    received_at: int
    spans: int
    updates: int


@dataclass(slots=True)
class Range:
    """Batches of one source that follow each other."""

    log_source: int
    first: int
    end: int
    received_at: int
    spans: int
    updates: int

    def take(self, batch: Listed) -> None:
        """Have the batch that follows as well."""
        self.end = batch.end
        self.received_at = min(self.received_at, batch.received_at)
        self.spans += batch.spans
        self.updates += batch.updates


class Stored:
    """Reads a database; safe to use from one thread at a time. All methods raise QueryFailed.

    ``settle`` is called with each table before it is read: on a server with replicas it waits for what others took.
    """

    def __init__(self, database: Database, settle: Callable[[str], None]) -> None:
        self._database = database
        self._settle = settle

    def starts(self, sources: Sequence[int], since: int, spans: int) -> dict[int, int]:
        """Return the offset of each source where its batches received from ``since`` (ms) on begin.

        The last ``spans`` spans of all sources, if those are fewer. A source that has none of these starts behind its
        newest batch, or at 0.
        """
        found = dict.fromkeys(sources, 0)
        for part in _portions(sources):
            where = f"received_at >= {_time(since - OLDEST_MS)} AND log_source IN ({', '.join(map(str, part))})"
            behind = self._read(
                f"SELECT log_source, toInt64(max(last_offset)) + 1 AS behind FROM batches WHERE {where}"
                " GROUP BY log_source"
            )
            found |= zip(behind["log_source"].to_pylist(), behind["behind"].to_pylist(), strict=True)
        recent = [each for part in _portions(sources) for each in self._recent(part, since)]
        recent.sort(key=lambda each: (each.received_at, each.first), reverse=True)
        held = 0
        for each in recent:
            held += each.spans
            if held > spans:
                break
            found[each.log_source] = min(found[each.log_source], each.first)
        return found

    def batches(self, positions: Mapping[int, int], since: int) -> list[Listed]:
        """Return the batches of sources from these offsets on, in the order of receipt, those of a source in order.

        Of each source at most BATCHES_OF_A_SOURCE. Nothing received before ``since`` (ms), less OLDEST_MS.
        """
        found = []
        for part in _portions(list(positions.items())):
            ranges = " OR ".join(f"(log_source = {source} AND first_offset >= {first})" for source, first in part)
            found += self._list(f"({ranges}) AND received_at >= {_time(since - OLDEST_MS)}", BATCHES_OF_A_SOURCE)
        return _in_order(found)

    def settle(self) -> None:
        """Have all that listed batches have arrive where it is read."""
        for table in ("seen", "span_rows", "span_updates"):
            self._settle(table)

    def spans(self, ranges: Iterable[Range]) -> tuple[pa.Table, NDArray[np.uint8]]:
        """Return the spans that `seen` has of ranges, in the order of receipt, and what `span_rows` has of each."""
        held = [each for each in ranges if each.spans]
        seen = self._of_ranges(f"SELECT {SPANS} FROM seen WHERE record = 0", held)
        bits = f"{STORED} + {COUNTED} * counted + {IS_FILLED} + {DROPPED} * dropped"
        stored = self._of_ranges(
            f"SELECT log_source, log_offset, ordinal, toUInt8({bits}) AS told FROM span_rows WHERE 1", held
        )
        order = np.lexsort([seen[name].to_numpy() for name in ("ordinal", "log_offset", "log_source")])
        seen = seen.take(pa.array(order))
        told = _joined(seen, stored)
        received = seen["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy()
        by_receipt = np.argsort(received, kind="stable")
        return seen.take(pa.array(by_receipt)), told[by_receipt]

    def updates(self, ranges: Iterable[Range]) -> pa.Table:
        """Return the corrections that ranges brought, as UPDATES."""
        return self._of_ranges(f"SELECT {UPDATES} FROM span_updates WHERE 1", [each for each in ranges if each.updates])

    def _recent(self, sources: Sequence[int], since: int) -> list[Listed]:
        return self._list(f"log_source IN ({', '.join(map(str, sources))}) AND received_at >= {_time(since)}", None)

    def _list(self, where: str, most: int | None) -> list[Listed]:
        limit = f" LIMIT {most} BY log_source" if most is not None else ""
        table = self._read(
            "SELECT log_source, toInt64(first_offset) AS begun, toInt64(any(last_offset)) + 1 AS behind,"
            " toUnixTimestamp64Milli(min(received_at)) AS at,"
            " toInt64(sumIf(stored + filtered, signal = 'traces')) AS spans, toInt64(sum(updates)) AS corrections"
            f" FROM batches WHERE {where} GROUP BY log_source, first_offset ORDER BY log_source, first_offset{limit}"
        )
        return [Listed(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]

    def _of_ranges(self, select: str, ranges: Sequence[Range]) -> pa.Table:
        """Return rows of ranges, by `log_offset`; without any range one query tells of the columns."""
        oldest = min((each.received_at for each in ranges), default=0) - SLACK_MS
        tables = []
        for part in _portions(ranges) if ranges else [()]:
            named = " OR ".join(
                f"(log_source = {each.log_source} AND log_offset >= {each.first} AND log_offset < {each.end})"
                for each in part
            )
            tables.append(self._read(f"{select} AND received_at >= {_time(oldest)} AND ({named or '0'})"))
        return pa.concat_tables(tables)

    def _read(self, sql: str) -> pa.Table:
        answer = query(self._database, sql, output_format="ArrowStream", limits=LIMITS)
        return pa.ipc.open_stream(answer).read_all()


def _in_order(found: Iterable[Listed]) -> list[Listed]:
    """Return batches by receipt, where those of one source stay in their order even if a clock stepped back."""
    of_each: dict[int, list[Listed]] = {}
    for each in found:
        of_each.setdefault(each.log_source, []).append(each)
    keyed = [
        (at, batch)
        for batches in of_each.values()
        for at, batch in zip(accumulate((each.received_at for each in batches), max), batches, strict=True)
    ]
    return [batch for _, batch in sorted(keyed)]


def _joined(seen: pa.Table, stored: pa.Table) -> NDArray[np.uint8]:
    """Return the bits of ``stored`` for each row of ``seen``, which is in order; 0 where it has none."""
    told = np.zeros(len(seen), np.uint8)
    keys = [_places(table) for table in (seen, stored)]
    if not len(seen) or not len(stored):
        return told
    at = np.minimum(np.searchsorted(keys[0], keys[1]), len(seen) - 1)
    found = keys[0][at] == keys[1]
    told[at[found]] = stored["told"].to_numpy()[found]
    return told


def _places(table: pa.Table) -> NDArray[np.bytes_]:
    """Return where rows lie, as values that compare like (source, offset, ordinal)."""
    places = np.zeros(len(table), [("source", ">u4"), ("offset", ">u8"), ("ordinal", ">u4")])
    for field, name in (("source", "log_source"), ("offset", "log_offset"), ("ordinal", "ordinal")):
        places[field] = table[name].to_numpy()
    return places.view("S16").reshape(-1)


def _time(at: int) -> str:
    return f"fromUnixTimestamp64Milli(toInt64({max(0, at)}), 'UTC')"


def _portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + SOURCES_AT_ONCE] for start in range(0, len(rows), SOURCES_AT_ONCE))
