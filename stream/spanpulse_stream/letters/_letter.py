"""A dead letter as it is read from the table, and the SQL that reads it, in a process and on a server alike.

The SQL gives integers and texts alone, so it may be read in any format. What a person gives is quoted here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from spanpulse_stream.letters._position import Position

__all__ = ["Filters", "Letter", "letters_sql", "listed_sql", "quoted"]

PLACE: Final = "toInt64(log_source) AS source, log_offset AS offset, toInt64(ordinal) AS ordinal"
KNOWN: Final = f"{PLACE}, toUnixTimestamp64Milli(received_at) AS received_ms, tenant, signal, reason, detail"
CUT: Final = re.compile(r"\(the first \d+ of (\d+) bytes are kept\)$")
NOT_KEPT: Final = "not kept under the content policy)"
REPLAYED: Final = """
SELECT toInt64(log_source) AS source, log_offset AS offset, toInt64(ordinal) AS ordinal, argMax(run, at) AS run,
    toUnixTimestamp64Milli(max(at)) AS replayed_ms, argMax(state, (at, state != 'planned')) AS state
FROM dead_letter_replays GROUP BY source, offset, ordinal
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which letters are meant: all of these must hold. ``positions`` names single ones; none means any."""

    reason: str | None = None
    signal: str | None = None
    tenant: str | None = None
    since: datetime | None = None
    positions: tuple[Position, ...] = ()

    @property
    def any(self) -> bool:
        """Whether letters of all kinds are meant."""
        return self == Filters()

    def condition(self) -> str:
        """Return the filters as a condition of SQL. Raises ValueError for a text that is no UTF-8."""
        found = [
            f"{name} = {quoted(text)}"
            for name in ("reason", "signal", "tenant")
            if (text := getattr(self, name)) is not None
        ]
        if self.since is not None:
            found.append(f"received_at >= fromUnixTimestamp64Milli(toInt64({round(self.since.timestamp() * 1000)}))")
        if self.positions:
            found.append(f"(log_source, log_offset, ordinal) IN ({_places(self.positions)})")
        return " AND ".join(found) or "1"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter; ``data`` is what is kept of its bytes, None where they were not asked for."""

    position: Position
    received_at: datetime
    tenant: str
    signal: str
    reason: str
    detail: str
    size: int
    data: bytes | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return the letter of a row of `letters_sql` or `listed_sql`."""
        return cls(
            Position(int(row["source"]), int(row["offset"]), int(row["ordinal"])),
            datetime.fromtimestamp(int(row["received_ms"]) / 1000, UTC),
            row["tenant"],
            row["signal"],
            row["reason"],
            row["detail"],
            int(row["size"]),
            bytes.fromhex(row["data"]) if "data" in row else None,
        )

    @property
    def missing(self) -> str | None:
        """Why the bytes are not there as they came; None where they are."""
        if cut := CUT.search(self.detail):
            return f"only {self.size} of its {cut[1]} bytes are kept"
        if self.size:
            return None
        if self.detail == "erased":
            return "its bytes were erased"
        return "its bytes were not kept under the content policy" if NOT_KEPT in self.detail else "it has no bytes"


def listed_sql(filters: Filters, limit: int) -> str:
    """Return a query for the newest letters, without their bytes: `Letter.of` reads its rows.

    ``run``, ``replayed_ms`` and ``state`` say of each how it was sent again last; '' and 0 where it was not.
    """
    letters = (
        f"SELECT {KNOWN}, toInt64(length(bytes)) AS size FROM dead_letters WHERE {filters.condition()}"
        f" ORDER BY received_ms DESC, source, offset, ordinal LIMIT {limit}"
    )
    return (
        "SELECT l.*, r.run AS run, r.replayed_ms AS replayed_ms, r.state AS state"
        f" FROM ({letters}) AS l LEFT ANY JOIN ({REPLAYED}) AS r"
        " ON r.source = l.source AND r.offset = l.offset AND r.ordinal = l.ordinal"
        " ORDER BY received_ms DESC, source, offset, ordinal"
    )


def letters_sql(positions: Iterable[Position], first_ms: int, last_ms: int) -> str:
    """Return a query for letters with their bytes, received between two times (ms), both included."""
    between = (
        f"received_at BETWEEN fromUnixTimestamp64Milli(toInt64({first_ms}))"
        f" AND fromUnixTimestamp64Milli(toInt64({last_ms}))"
    )
    return (
        f"SELECT {KNOWN}, toInt64(length(bytes)) AS size, hex(bytes) AS data FROM dead_letters"
        f" WHERE {between} AND (log_source, log_offset, ordinal) IN ({_places(positions)})"
        " ORDER BY received_ms, source, offset, ordinal"
    )


def quoted(text: str) -> str:
    """Return a text as a literal of SQL. Raises ValueError for one that is no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a filter is no UTF-8, and nothing else is stored") from None
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _places(positions: Iterable[Position]) -> str:
    return ", ".join(f"({each.source}, {each.offset}, {each.ordinal})" for each in positions)
