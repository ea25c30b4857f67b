"""The UTC day of receipt: what a batch never crosses, and the partition of every table.

Days are counted from 1970. Not guaranteed: anything about the time a span gives itself.
"""

from datetime import date, timedelta

__all__ = ["DAY_MS", "date_of", "day_of", "number_of"]

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)


def day_of(received_at: int) -> int:
    """Return the day of a log-append time in ms since the epoch."""
    return received_at // DAY_MS


def date_of(day: int) -> date:
    """Return the date of a day."""
    return EPOCH + timedelta(days=day)


def number_of(day: date) -> int:
    """Return the day of a date."""
    return (day - EPOCH).days
