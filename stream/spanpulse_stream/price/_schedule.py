"""When which price holds: a price's dates and daily hours, compiled to a table.

genai-prices decides by walking conditions for one time stamp. Its answer can change only at the conditions' own
dates (UTC midnight) and times of day, so it is asked once for every cell between them, and columns are looked
up with two binary searches. Exact by construction; the price is that of a span's start, which is the time of
the request that genai-prices asks for.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Schedule", "compile_schedule", "moments"]

DAY_NS: Final = 86_400 * 10**9
EPOCH: Final = date(1970, 1, 1)
MIDNIGHT: Final = time(0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """``cells[d, t]`` numbers the vector from ``days[d - 1]`` (UTC, since 1970) on, daily from ``times[t]`` (ns)."""

    days: NDArray[np.int64]
    times: NDArray[np.int64]
    cells: NDArray[np.int32]

    def at(self, moment: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the vector's number for each time in ns since the Unix epoch."""
        day, rest = np.divmod(moment, DAY_NS)
        row = np.searchsorted(self.days, day, side="right")
        column = np.searchsorted(self.times, rest, side="right") - 1
        return self.cells[row, column]


def compile_schedule(days: Iterable[date], times: Iterable[time], at: Callable[[datetime], int]) -> Schedule:
    """Ask ``at`` for the vector that holds in each cell between the days and the times of day."""
    ordered = sorted(set(days))
    first = (ordered[0] if ordered else EPOCH) - timedelta(days=1)
    clock = sorted({MIDNIGHT, *(_utc(moment) for moment in times)})
    cells = [[at(datetime.combine(day, moment)) for moment in clock] for day in (first, *ordered)]
    return Schedule(
        days=np.array([(day - EPOCH).days for day in ordered], np.int64),
        times=np.array([_nanoseconds(moment) for moment in clock], np.int64),
        cells=np.array(cells, np.int32),
    )


def moments(constraints: Iterable[Any]) -> tuple[set[date], set[time]]:
    """Return the dates and the times of day at which constraints of genai-prices change their answer."""
    days: set[date] = set()
    times: set[time] = set()
    for constraint in constraints:
        if constraint is None:
            continue
        if hasattr(constraint, "start_date"):
            days.add(constraint.start_date)
        else:
            times.update((constraint.start_time, constraint.end_time))
    return days, times


def _utc(moment: time) -> time:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return datetime.combine(EPOCH, moment).astimezone(UTC).timetz()


def _nanoseconds(moment: time) -> int:
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return (seconds * 1_000_000 + moment.microsecond) * 1000
