"""Values as a table has them: text in CSV; in Parquet what the type of the column says, times and durations in ns.

`Moment` and `Length` come of columns whose type says so: nobody has to guess their unit. `Unreadable` stands for a
value that is there and that Python cannot hold; it costs a row only where its column is wanted.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

__all__ = ["SECOND", "BadValue", "Length", "Moment", "Unreadable", "bad", "readable", "text_of"]

SECOND: Final = 1_000_000_000
MOST_SHOWN: Final = 60


class BadValue(ValueError):  # noqa: N818 -- what it is
    """A value is not what its column should hold."""


class Moment(int):
    """A time in ns since 1970, UTC."""


class Length(int):
    """A duration in ns."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that cannot be read, and why."""

    reason: str


def bad(value: object, wanted: str) -> BadValue:
    """Return what is raised of a value where another one is wanted."""
    shown = text_of(value)
    return BadValue(f"{wanted} is wanted, not {shown[:MOST_SHOWN]!r}{'...' if len(shown) > MOST_SHOWN else ''}")


def readable(value: Any) -> Any:
    """Return a value that can be read. Raises BadValue."""
    if isinstance(value, Unreadable):
        raise BadValue(value.reason)
    return value


def text_of(value: Any) -> str:
    """Return a value as text; lists and structures as JSON, bytes in hexadecimal digits, times in ISO 8601."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=text_of, option=orjson.OPT_NON_STR_KEYS).decode()
    if isinstance(value, Moment):
        return _iso(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.reason if isinstance(value, Unreadable) else str(value)


def _iso(moment: Moment) -> str:
    seconds, fraction = divmod(int(moment), SECOND)
    try:
        whole = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
    except (ValueError, OverflowError, OSError):  # a year that Python does not have
        return f"{int(moment)} ns since 1970"
    return f"{whole}.{fraction:09d}Z" if fraction else f"{whole}Z"
