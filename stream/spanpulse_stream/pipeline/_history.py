"""What a partition's log left in the database, read as it was before an offset.

Every query asks for rows of one log source below that offset, so the answer does not change when a batch behind it
is half written. Not guaranteed: what retention dropped.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

import pyarrow as pa

from spanpulse_sinks.clickhouse import Database, QueryLimits, query
from spanpulse_stream.day import date_of, day_of
from spanpulse_stream.usage import Corrections

__all__ = ["CORRECTED", "ROLLED_UP", "History", "newest_state"]

# Bounded by what is asked for, not by rows: the answers are whole or of no use.
LIMITS = QueryLimits(seconds=600, rows=0, result_bytes=1 << 30, memory_bytes=512 << 20)
CHUNK = 100_000  # rows of `seen` read at a time
TARGETS = 500  # corrected spans read at a time; a query's text is bounded
CORRECTED = ("counted", "dropped", "user_id", "session_id", "prompt_name", "prompt_version")
ROLLED_UP = (
    *("log_source", "log_offset", "ordinal", "received_at", "tenant", "end_time", "duration_ns", "name"),
    *("service_name", "environment", "operation", "kind", "provider", "request_model", "response_model"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("usage_status", "cost", "cost_confidence", "time_to_first_token_ns", "status", "error_type"),
    *("experiments", "weight", *CORRECTED),
)
IDS = ("trace_id", "span_id")


class History:
    """Reads of one log source; safe to use from any thread. All methods raise QueryFailed."""

    def __init__(self, database: Database, log_source: int) -> None:
        self._database = database
        self._source = log_source

    def seen(self, before: int, rows: int) -> Iterator[pa.Table]:
        """Yield the last ``rows`` spans of `seen` below the offset, then the last ``rows`` log records, in log order.

        The decisions that came behind the first of the spans are among them. Whole messages are read, so there may be a
        few more.
        """
        for records in ("0, 2", "1"):
            counted = f"log_source = {self._source} AND record = {records[0]} AND log_offset < {before}"
            firsts = [first for first, _ in self._ranges(counted, rows)]
            for first, end in pairwise([*firsts, before]):
                ranged = f"log_source = {self._source} AND log_offset >= {first} AND log_offset < {end}"
                yield self.read(
                    f"SELECT * FROM seen WHERE {ranged} AND record IN ({records}) ORDER BY log_offset, ordinal"
                )

    def reach(self, rows: int, oldest: date) -> int:
        """Return the offset from which `seen` holds the last ``rows`` spans and log records not older than a day.

        0 where it holds none.
        """
        found = []
        for record in (0, 1):
            recent = f"log_source = {self._source} AND record = {record} AND toDate(received_at) >= '{oldest}'"
            found += [first for first, _ in self._ranges(recent, rows)][:1]
        return min(found, default=0)

    def dimension_values(self, day: int, before: int) -> list[tuple[str, str, str]]:
        """Return (tenant, dimension, value) that batches below the offset admitted on a day (counted from 1970)."""
        table = self.read(
            "SELECT tenant, dimension, value FROM dimension_values"
            f" WHERE log_source = {self._source} AND log_offset < {before} AND toDate(received_at) = toDate({day})"
        )
        columns = (table[name].to_pylist() for name in ("tenant", "dimension", "value"))
        return list(zip(*columns, strict=True))

    def stored(self, corrections: Corrections, before: int, *, named: bool = False) -> pa.Table:
        """Return the spans that corrections are about, in the state they had before the offset.

        With ``named`` they come with their ids. There must be a correction.
        """
        parts = [slice(start, start + TARGETS) for start in range(0, corrections.size, TARGETS)]
        return pa.concat_tables([self._stored(corrections, part, before, named=named) for part in parts])

    def read(self, sql: str) -> pa.Table:
        """Return the result of a query."""
        answer = query(self._database, sql, output_format="ArrowStream", limits=LIMITS)
        return pa.ipc.open_stream(answer).read_all()

    def _ranges(self, where: str, rows: int) -> Iterator[tuple[int, int]]:
        """Yield ranges of offsets, oldest first, that hold the last ``rows`` rows together."""
        counts = self.read(
            f"SELECT log_offset, toInt64(count()) AS n FROM seen WHERE {where}"
            f" GROUP BY log_offset ORDER BY log_offset DESC LIMIT {rows}"
        )
        found: list[tuple[int, int]] = []
        total = held = 0
        end = None
        for offset, count in zip(counts["log_offset"].to_pylist(), counts["n"].to_pylist(), strict=True):
            end = offset + 1 if end is None else end
            total, held = total + count, held + count
            if held >= CHUNK or total >= rows:
                found.append((offset, end))
                held, end = 0, None
            if total >= rows:
                break
        if end is not None:
            found.append((int(counts["log_offset"][-1].as_py()), end))
        return reversed(found)

    def _stored(self, corrections: Corrections, part: slice, before: int, *, named: bool) -> pa.Table:
        days = [str(date_of(day_of(at))) for at in corrections.target_received_at[part].tolist()]
        traces = [f"{high:016x}{low:016x}" for high, low in corrections.trace_id[part].tolist()]
        offsets, ordinals = corrections.target_log_offset[part].tolist(), corrections.target_ordinal[part].tolist()
        spans, of_traces = self._conditions(offsets, ordinals, days, traces)
        updates = f"log_source = {self._source} AND log_offset < {before} AND {of_traces}"
        return self.read(newest_state(spans, updates, IDS if named else ()))

    def _conditions(
        self, offsets: list[int], ordinals: list[int], days: list[str], traces: list[str]
    ) -> tuple[str, str]:
        """Return the conditions on `span_rows` AS s and on `span_updates` that pick these spans."""
        places = ",".join(f"({offset},{ordinal})" for offset, ordinal in zip(offsets, ordinals, strict=True))
        of_days = ",".join(f"'{day}'" for day in sorted(set(days)))
        spans = (
            f"s.log_source = {self._source} AND (s.log_offset, s.ordinal) IN ({places})"
            f" AND toDate(s.received_at) IN ({of_days})"
        )
        return spans, "trace_id IN (" + ",".join(f"'{trace}'" for trace in sorted(set(traces))) + ")"


def newest_state(spans: str, updates: str, more: Sequence[str] = ()) -> str:
    """Return a query for rows of `span_rows` AS s that meet ``spans``, with the updates that meet ``updates``.

    It has the columns that the rollups need, and ``more``.
    """
    replaced = ", ".join(f"coalesce(u.{name}, s.{name}) AS {name}" for name in CORRECTED)
    newest = ", ".join(f"argMax({name}, log_offset) AS {name}" for name in CORRECTED)
    columns = ", ".join((*ROLLED_UP, *more))
    return (
        f"SELECT s.* REPLACE ({replaced}) FROM (SELECT {columns} FROM span_rows AS s WHERE {spans}) AS s"
        f" LEFT ANY JOIN (SELECT log_source, target_log_offset, target_ordinal, {newest} FROM span_updates"
        f" WHERE {updates} GROUP BY log_source, target_log_offset, target_ordinal) AS u"
        " ON u.log_source = s.log_source AND u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal"
    )
