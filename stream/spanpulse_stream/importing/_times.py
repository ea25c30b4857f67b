"""Times of a table in ns since 1970: ISO 8601, UTC where it names no zone, or numbers, whose size tells their unit.

Seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, else nanoseconds. A day is looked up and a zone
is read once for the many rows that share it: this is the dearest part of a row.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from spanpulse_stream.importing._typed import SECOND, BadValue, Moment, bad, text_of

__all__ = ["NUMBER", "nanoseconds_of"]

EARLIEST, LATEST = 946_684_800 * SECOND, 4_102_444_800 * SECOND  # 2000-01-01, 2100-01-01
ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:[.,](\d{1,9})\d*)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
UNITS: Final = ((1e11, SECOND), (1e14, 1_000_000), (1e17, 1_000))  # below so much, one is so many ns
HOUR, MINUTE = 3600, 60
EPOCH: Final = date(1970, 1, 1).toordinal()


def nanoseconds_of(value: Any) -> int:
    """Return a time in ns since 1970. Raises BadValue."""
    found = _nanoseconds(value)
    if not EARLIEST <= found < LATEST:
        raise bad(value, "a time from 2000 to 2099 (ISO 8601, or a number since 1970)")
    return found


def _nanoseconds(value: Any) -> int:
    if isinstance(value, Moment):
        return int(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.replace(microsecond=0).timestamp()) * SECOND + value.microsecond * 1000
    text = text_of(value).strip()
    if found := ISO.fullmatch(text):
        day, hour, minute, second, fraction, zone = found.groups()
        try:
            seconds = _day(day) + _clock(hour, minute, second) - _offset(zone)
        except ValueError:
            raise _no_time(value) from None
        return seconds * SECOND + (int(fraction.ljust(9, "0")) if fraction else 0)
    if not NUMBER.fullmatch(text):
        raise _no_time(value)
    number = Decimal(text)
    unit = next((unit for below, unit in UNITS if abs(number) < below), 1)
    return int(number * unit)


def _no_time(value: object) -> BadValue:
    return bad(value, "a time (ISO 8601, or a number since 1970)")


@lru_cache(maxsize=1024)
def _day(text: str) -> int:
    return (date.fromisoformat(text).toordinal() - EPOCH) * 24 * HOUR


def _clock(hour: str | None, minute: str | None, second: str | None) -> int:
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError
    return hours * HOUR + minutes * MINUTE + seconds


@lru_cache(maxsize=256)
def _offset(zone: str | None) -> int:
    """Return how many seconds a zone is ahead of UTC."""
    if zone in (None, "Z", "UTC"):
        return 0
    digits = str(zone).replace(":", "")
    return _clock(digits[1:3], digits[3:], None) * (-1 if digits[0] == "-" else 1)
