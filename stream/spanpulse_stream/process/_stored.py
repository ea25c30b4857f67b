"""What the database says for `spanpulse status` and the page: counts of batches, and what an operator should know."""

from collections.abc import Sequence
from typing import Any

import orjson

from spanpulse_sinks.clickhouse import Database, query
from spanpulse_stream.rollup import OTHER

__all__ = ["Stored"]

UNPRICED = """
SELECT provider, model, toInt64(sum(requests_unpriced)) AS requests FROM rollup_quarter
WHERE quarter > now() - INTERVAL 1 DAY GROUP BY provider, model HAVING requests > 0
ORDER BY requests DESC, model LIMIT 20
"""
REMOVED = """
SELECT received_day AS day, reason, toInt64(sum(row_count)) AS rows, toInt64(sum(byte_count)) AS bytes,
    groupUniqArray(table_name) AS tables, toInt64(sumIf(row_count, table_name = 'span_rows')) AS spans
FROM removed_days GROUP BY day, reason ORDER BY day DESC LIMIT 20
"""
CAPPED = ("service_name", "environment", "operation", "provider", "model", "prompt_name", "prompt_version")
BEYOND_CAP = (
    f"SELECT [{', '.join(f'sumIf(requests, {name} = {OTHER!r})' for name in CAPPED)}]::Array(Float64) AS counts"  # noqa: S608 -- names above
    " FROM rollup_quarter WHERE quarter > now() - INTERVAL 1 DAY"
)


class Stored:
    """Asks a database; every method raises QueryFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, names: Sequence[str], where: str = "1") -> dict[str, int]:
        """Return the sums of columns of `batches`."""
        sums = ", ".join(f"toInt64(sum({name})) AS {name}" for name in names)
        (row,) = self.rows(f"SELECT {sums} FROM batches WHERE {where}")  # noqa: S608 -- names and numbers of our own
        return {name: int(value) for name, value in row.items()}

    def shown(self) -> dict[str, Any]:
        """Return what is missing by design: removed days, models without a price, dimensions that are full."""
        (row,) = self.rows(BEYOND_CAP)
        return {
            "removed_days": self.rows(REMOVED),
            "unpriced": self.rows(UNPRICED),
            "requests_beyond_cap": {
                name: int(count) for name, count in zip(CAPPED, row["counts"], strict=True) if count
            },
        }

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query of our own."""
        lines = query(self._database, sql, output_format="JSONEachRow").splitlines()
        return [orjson.loads(line) for line in lines]
