"""What the batches say, held against the rows that are there, the offsets, and what the log counted as accepted.

Rows are compared by the minute of receipt and tenant. Not guaranteed: that texts are all there, for no batch says how
many it had; that every record of a message is a dead letter that was set aside whole, for it leaves one row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from spanpulse_stream.maintenance._rebuild_days import below

__all__ = ["BatchAudit"]

Finding = dict[str, Any]
KEY = "day, minute, tenant"
MOST = 2_000  # of one kind
OUTCOMES = "stored + duplicate + dead_lettered + filtered"
# What a batch says it put into a table, and the rows of the table that this is about. NULL: it does not say.
COUNTED: Mapping[str, tuple[str, str, str]] = {
    "spans": ("sumIf(stored, signal = 'traces')", "span_rows", "true"),
    "corrections": ("sum(updates)", "span_updates", "true"),
    "scores": ("if(countIf(isNull(scores)) > 0, NULL, sum(scores))", "scores", "true"),
    "state of spans": ("sumIf(stored + filtered, signal = 'traces')", "seen", "record = 0"),
    "state of log records": ("sumIf(stored + filtered, signal = 'logs')", "seen", "record = 1"),
    "state of decisions": ("sum(decided)", "seen", "record = 2"),
}


@dataclass(frozen=True, slots=True)
class BatchAudit:
    """The batches of ``days`` up to ``ends``; ``gone`` is table -> days whose rows may be gone.

    ``read`` raises QueryFailed.
    """

    read: Callable[[str], pa.Table]
    days: Sequence[date]
    ends: Mapping[int, int]
    gone: Mapping[str, Sequence[date]]

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the batches themselves and with the rows they say there are."""
        yield from self.offsets()
        yield from self._doubled()
        yield from self._accounts()
        for check in COUNTED:
            yield from self.rows(check)
        yield from self._dead_letters()

    def accepted(self) -> dict[tuple[int, str, str], int]:
        """Return (minute in ms, tenant, signal) -> records that batches took."""
        rows = self._plain(
            "SELECT toInt64(toUnixTimestamp(minute)) * 1000 AS at, tenant, signal, toInt64(sum(accepted)) AS n"
            f" FROM batches WHERE {self._received('batches')} GROUP BY at, tenant, signal"
        )
        return {(row["at"], row["tenant"], row["signal"]): row["n"] for row in rows}

    def rows(self, check: str) -> Iterator[Finding]:
        """Compare the rows of a table with what the batches say (see `COUNTED`), by minute of receipt and tenant."""
        expected, table, where = COUNTED[check]
        said = f"SELECT {DAY}, minute, toString(tenant) AS tenant, {expected} AS e, 0 AS f FROM batches"
        there = f"SELECT {DAY}, {MINUTE}, toString(tenant) AS tenant, 0 AS e, count() AS f FROM {table}"
        rows = self._plain(
            f"SELECT {KEY}, toInt64(sum(e)) AS expected, toInt64(sum(f)) AS found FROM"
            f" ({said} WHERE {self._received('batches', table)} GROUP BY {KEY} UNION ALL"
            f" {there} WHERE {self._received(table)} AND {where} GROUP BY {KEY})"
            f" GROUP BY {KEY} HAVING expected != found AND countIf(isNull(e)) = 0 ORDER BY {KEY} LIMIT {MOST}"
        )
        return (_found(check, row, table=table, expected=row["expected"], found=row["found"]) for row in rows)

    def _dead_letters(self) -> Iterator[Finding]:
        """Compare dead letters: one row a record, or one for all records of a message that was set aside whole."""
        table = "dead_letters"
        said = f"SELECT {DAY}, minute, toString(tenant) AS tenant, sum(dead_lettered) AS e, 0 AS f, 0 AS w FROM batches"
        there = f"SELECT {DAY}, {MINUTE}, toString(tenant) AS tenant, 0 AS e, countIf(ordinal >= 0) AS f"
        rows = self._plain(
            f"SELECT {KEY}, toInt64(sum(e)) AS expected, toInt64(sum(f)) AS found, sum(w) AS messages FROM"
            f" ({said} WHERE {self._received('batches', table)} GROUP BY {KEY} UNION ALL"
            f" {there}, countIf(ordinal < 0) AS w FROM {table} WHERE {self._received(table)} GROUP BY {KEY})"
            f" GROUP BY {KEY} HAVING found > expected OR (found < expected AND messages = 0)"
            f" ORDER BY {KEY} LIMIT {MOST}"
        )
        return (_found("dead letters", row, table=table, expected=row["expected"], found=row["found"]) for row in rows)

    def _accounts(self) -> Iterator[Finding]:
        rows = self._plain(
            f"SELECT {DAY}, minute, tenant, sum(accepted) AS expected, sum({OUTCOMES}) AS found FROM batches"
            f" WHERE {self._received('batches')} GROUP BY {KEY} HAVING expected != found ORDER BY {KEY} LIMIT {MOST}"
        )
        return (_found("accounts", row, table="batches", expected=row["expected"], found=row["found"]) for row in rows)

    def _doubled(self) -> Iterator[Finding]:
        """Yield rows that a batch has twice: a source, a minute, a tenant and a signal have one."""
        rows = self._plain(
            f"SELECT {DAY}, minute, tenant, toInt64(log_source) AS source, first_offset AS found,"
            " max(last_offset) + 1 AS expected FROM batches"
            f" WHERE {self._received('batches')} GROUP BY {KEY}, source, signal, found HAVING count() > 1"
            f" ORDER BY source, found LIMIT {MOST}"
        )
        return (_placed(row) for row in rows)

    def offsets(self) -> Iterator[Finding]:
        """Yield where the ranges of batches of a source leave offsets out, or overlap."""
        if not self.days:
            return iter(())
        ranges = (
            "SELECT DISTINCT log_source, first_offset, last_offset, toDate(received_at) AS day,"
            f" toStartOfMinute(received_at) AS minute FROM batches WHERE {self._received('batches')} UNION ALL "
            "SELECT log_source, max(first_offset), max(last_offset) AS last_offset, max(toDate(received_at)) AS day,"
            f" toStartOfMinute(max(received_at)) FROM batches WHERE toDate(received_at) < '{min(self.days)}'"
            " GROUP BY log_source"
        )
        rows = self._plain(
            "SELECT toInt64(log_source) AS source, day, minute, '' AS tenant, before + 1 AS expected,"
            " first_offset AS found FROM (SELECT *, lagInFrame(last_offset, 1, -1)"
            f" OVER (PARTITION BY log_source ORDER BY first_offset, last_offset) AS before FROM ({ranges}))"
            " WHERE before >= 0 AND found != expected"
            f" ORDER BY source, found LIMIT {MOST}"
        )
        return (_placed(row) for row in rows)

    def _received(self, table: str, *also: str) -> str:
        """Return the condition on rows of the days that each of the tables must still have."""
        days = [day for day in self.days if not any(day in self.gone.get(each, ()) for each in (table, *also))]
        listed = ", ".join(f"'{day}'" for day in days)
        offset = "last_offset" if table == "batches" else "log_offset"
        return f"toDate(received_at) IN ({listed}) AND {below(self.ends, offset)}" if days else "false"

    def _plain(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.read(sql).to_pylist()
        return found


DAY = "toDate(received_at) AS day"
MINUTE = "toStartOfMinute(received_at) AS minute"


def _found(check: str, row: Mapping[str, Any], **more: Any) -> Finding:
    return {"check": check, "day": str(row["day"]), "minute": _iso(row["minute"]), "tenant": row["tenant"], **more}


def _placed(row: Mapping[str, Any]) -> Finding:
    """Return a finding about offsets: ``found`` come where ``expected`` should."""
    return _found("offsets", row, table="batches", source=row["source"], expected=row["expected"], found=row["found"])


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
