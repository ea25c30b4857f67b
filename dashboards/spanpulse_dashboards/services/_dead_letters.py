"""What could not be read, by reason: the dead letters that are still kept, the newest first."""

from datetime import UTC, datetime, timedelta

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards._state import DeadLetters

__all__ = ["dead_letters"]

RECENT_S = 3600
"""The length of range whose answers are renewed as often as these are."""
MOST = 20
LONGEST_DETAIL = 500
LETTERS = Statement(f"""
    SELECT reason, signal, count() AS letters, toUnixTimestamp64Milli(max(received_at)) AS newest,
        leftUTF8(argMax(detail, received_at), {LONGEST_DETAIL}) AS detail
    FROM dead_letters
    GROUP BY reason, signal
    ORDER BY newest DESC, reason, signal
    LIMIT {MOST}""")


async def dead_letters(backend: Backend) -> list[DeadLetters]:
    """Return the dead letters by reason. Raises QueryFailed."""
    answer = await backend.reader.rows(LETTERS, edition=backend.freshness.edition(RECENT_S))
    return [
        DeadLetters(
            reason=row["reason"],
            signal=row["signal"],
            letters=int(row["letters"]),
            newest=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(row["newest"])),
            detail=row["detail"],
        )
        for row in answer.rows
    ]
