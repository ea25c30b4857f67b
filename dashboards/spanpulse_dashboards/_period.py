"""The time range of a page and what follows from it: whole minutes, a bucket size, the period before.

A preset (`24h`) ends with the bucket that the present lies in, so that a chart does not shift with every minute; it
covers whole buckets, the last of them still growing. An absolute range covers the minutes it touches. Buckets are
aligned to UTC; where a range begins inside one, that bucket holds what is inside the range.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = [
    "DEFAULT_RANGE",
    "EARLIEST",
    "LATEST",
    "PRESETS",
    "Period",
    "PeriodError",
    "Window",
    "ceiled",
    "floored",
    "read_time",
    "text_of",
    "window_of",
]

MINUTE, HOUR, DAY = 60, 3600, 86_400
PRESETS = {"15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
"""The ranges by name, in seconds."""
DEFAULT_RANGE = "24h"
BUCKETS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY)
MOST_BUCKETS = 180
MOST_DAYS = 400
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
EPOCH_MS = re.compile(r"-?\d{1,18}", re.ASCII)


class PeriodError(ValueError):
    """A time is not understood, or a range cannot be; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Period:
    """An absolute range of whole minutes, UTC: ``start`` is in it, ``end`` is not."""

    start: datetime
    end: datetime

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "Period":
        """Return the minutes that the range touches. Raises PeriodError."""
        if end <= start:
            raise PeriodError(f"to ({text_of(end)}) must be later than from ({text_of(start)})")
        period = cls(floored(start, MINUTE), ceiled(end, MINUTE))
        if period.end - period.start > timedelta(days=MOST_DAYS):
            raise PeriodError(f"the range is longer than {MOST_DAYS} days; choose a shorter one")
        return period


@dataclass(frozen=True, slots=True)
class Window:
    """What a range means at one moment. Times are UTC; ``bucket`` and ``seconds`` are in seconds.

    ``through`` is the end of what can hold data by now; the bucket that it lies in or before is still growing.
    """

    start: datetime
    end: datetime
    through: datetime
    bucket: int

    @property
    def seconds(self) -> int:
        """The length in seconds."""
        return int((self.end - self.start).total_seconds())

    @property
    def starts(self) -> list[datetime]:
        """The starts of the buckets, whether they hold anything or not."""
        first = floored(self.start, self.bucket)
        count = -(-int((self.end - first).total_seconds()) // self.bucket)
        return [first + timedelta(seconds=self.bucket * number) for number in range(count)]

    @property
    def before(self) -> "Window":
        """The period before, of the same length; what lies in the future is left out of both alike."""
        length = timedelta(seconds=self.seconds)
        end = max(self.through, self.start) - length
        return Window(self.start - length, max(end, self.start - length), end, self.bucket)


def window_of(period: str | Period, now: datetime, *, at_least: int = MINUTE) -> Window:
    """Return what a preset's name or a period means at ``now``; buckets have ``at_least`` so many seconds.

    Raises KeyError for a preset that does not exist.
    """
    present = floored(now, MINUTE) + timedelta(seconds=MINUTE)
    if isinstance(period, str):
        length = PRESETS[period]
        bucket = max(at_least, _bucket(length))
        end = floored(now, bucket) + timedelta(seconds=bucket)
        start = end - timedelta(seconds=max(length, bucket))
    else:
        bucket = max(at_least, _bucket(int((period.end - period.start).total_seconds())))
        start, end = floored(period.start, at_least), ceiled(period.end, at_least)
    return Window(start, end, min(max(present, start), end), bucket)


def read_time(text: str) -> datetime:
    """Return the moment that RFC 3339 text or ms since the epoch name, UTC. Raises PeriodError."""
    try:
        if EPOCH_MS.fullmatch(text):
            moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise PeriodError(f"{text[:40]!r} is no time: use 2026-01-31T12:00:00Z or milliseconds since 1970") from None
    if moment.tzinfo is None:
        raise PeriodError(f"{text[:40]!r} has no time zone: end it with Z for UTC")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = EARLIEST - timedelta(days=1)
    if not EARLIEST <= moment < LATEST:
        raise PeriodError(f"{text[:40]!r} lies outside of the years 2000 to 2099")
    return moment


def text_of(moment: datetime) -> str:
    """Return a moment as RFC 3339 text in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _bucket(seconds: int) -> int:
    return next((size for size in BUCKETS if seconds <= size * MOST_BUCKETS), DAY)


def floored(moment: datetime, seconds: int) -> datetime:
    """Return the start of the bucket of so many seconds, aligned to UTC, that a moment lies in."""
    stamp = int(moment.timestamp())
    return datetime.fromtimestamp(stamp - stamp % seconds, UTC)


def ceiled(moment: datetime, seconds: int) -> datetime:
    """Return the moment itself where it starts a bucket, else the start of the next one."""
    start = floored(moment, seconds)
    return start if start == moment else start + timedelta(seconds=seconds)
