"""When requests arrive: the hour of a real trace, stretched over a day and thinned at night.

Order, bursts and lulls are those of the Azure trace `conv`, and so are the tokens. The tide of the day is a cosine, as
the trace is an hour long. It is tied to the end of the day, not to the clock: the last hours are busy whenever the
day is shown. After the day the hour comes again and again, slow enough not to dwarf the day.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.traffic._data import arrivals

__all__ = ["DAY_NS", "REQUESTS", "Arrival", "Rhythm"]

DAY_NS: Final = 24 * 3600 * 10**9
REQUESTS: Final = 10_400
"""Requests of the demo's day; with it the day has between 40,000 and 60,000 spans."""

TIDE: Final = 0.6
PEAK: Final = 0.92
AFTER_NS: Final = 1_500_000_000
"""Mean time between two requests after the day."""
GRID: Final = 1441


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of the trace: when it comes (ns from the end of the day) and how many tokens it had in and out."""

    moment: int
    input_tokens: int
    output_tokens: int


class Rhythm:
    """The arrivals of a day of ``size`` requests and of all days after it."""

    def __init__(self, size: int = REQUESTS) -> None:
        calls = arrivals("conv")
        if not 1 <= size <= calls.time.size:
            raise ValueError(f"a day has between 1 and {calls.time.size} requests, not {size}")
        picked = np.arange(size) * calls.time.size // size
        position = calls.time[picked] / (calls.time[-1] + 1)
        self.size = size
        stretched = np.interp(position, _passed(), np.linspace(0.0, 1.0, GRID))
        self._moments = ((stretched - 1.0) * DAY_NS).astype(np.int64)
        self._after = (position * size * AFTER_NS).astype(np.int64)
        self._input, self._output = calls.input_tokens[picked], calls.output_tokens[picked]

    def arrival(self, number: int) -> Arrival:
        """Return arrival ``number``: below ``size`` within the day, the others after it."""
        round_, place = divmod(number, self.size)
        after = (round_ - 1) * self.size * AFTER_NS + int(self._after[place])
        moment = after if round_ else int(self._moments[place])
        return Arrival(moment, int(self._input[place]), int(self._output[place]))

    def first_after(self, moment: int) -> int:
        """Return the number of the first arrival of the day at or after a moment (ns from its end)."""
        return int(np.searchsorted(self._moments, moment))


@cache
def _passed() -> NDArray[np.float64]:
    """Return the share of the day's requests that have come, at each minute of it."""
    at = np.linspace(0.0, 1.0, GRID)
    wave = np.sin(2 * np.pi * (at - PEAK)) - np.sin(-2 * np.pi * PEAK)
    return np.asarray(at + TIDE / (2 * np.pi) * wave, np.float64)
