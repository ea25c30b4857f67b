"""Split usage into the parts that are billed apart, and price them: the arithmetic, on whole columns.

Input contains cached and audio tokens, output contains reasoning and audio, cache writes contain those of one
hour; a part with a price of its own is billed there and taken out of its whole. Where the counts contradict
that (a part larger than its whole), genai-prices raises; here the whole is taken to leave the part out, which
is what emitters that break the convention mean, and the row is marked `repaired`. Works on int64 columns and,
without any bound, on object columns of Python integers.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.price._vectors import UNITS

__all__ = ["COUNTS", "Parts", "money", "split"]

COUNTS: Final = UNITS[:8]
"""The units that a span reports; cached audio is inferred, requests are 1."""

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """Counts that are billed apart (one column a unit), the total of input tokens, and which rows were repaired."""

    counts: list[Column]
    total_input: Column
    repaired: NDArray[np.bool_]


def split(counts: list[Column], reported: list[NDArray[np.bool_]], priced: NDArray[np.bool_]) -> Parts:
    """Return the parts of each row.

    ``counts`` and ``reported`` have one column per unit of ``COUNTS`` (0 where not reported), ``priced`` has
    shape (n, len(UNITS)). All counts are at least 0.
    """
    whole_in, whole_out, read, write, hour, reasoning, audio_in, audio_out = counts
    write, filled_write = _fill(write, reported[3], hour)
    whole_in, filled_in = _fill(whole_in, reported[0], np.maximum(read + write, audio_in))
    whole_out, filled_out = _fill(whole_out, reported[1], np.maximum(reasoning, audio_out))
    read, write, hour, reasoning, audio_in, audio_out = (
        column * priced[:, 2 + index]
        for index, column in enumerate((read, write, hour, reasoning, audio_in, audio_out))
    )
    ambiguous = priced[:, 8] & (read > 0) & (audio_in > 0)
    # The fewest cached audio tokens that the counts allow: nothing else is known of the overlap.
    least = np.maximum(read + np.maximum(write, hour) + audio_in - whole_in, 0)
    cached_audio = np.minimum(least, np.minimum(read, audio_in)) * ambiguous
    write_rest, odd_write = _rest(write, hour, priced[:, 3])
    read_rest, audio_rest = read - cached_audio, audio_in - cached_audio
    in_parts = hour + write_rest + read_rest + audio_rest + cached_audio
    in_rest, odd_in = _rest(whole_in, in_parts, priced[:, 0])
    out_rest, odd_out = _rest(whole_out, reasoning + audio_out, priced[:, 1])
    billed = [in_rest, out_rest, read_rest, write_rest, hour, reasoning, audio_rest, audio_out, cached_audio]
    ones = np.ones_like(whole_in)
    return Parts(
        counts=[*billed, ones],
        total_input=np.where(odd_in, whole_in + in_parts, whole_in),
        repaired=ambiguous | odd_write | odd_in | odd_out | filled_write | filled_in | filled_out,
    )


def money(parts: Parts, rates: Column, scale: Column) -> Column:
    """Return the cost in 1e-12 USD, rounded half-even; ``rates`` has shape (n, len(UNITS))."""
    total = np.zeros_like(parts.total_input)
    for unit, count in enumerate(parts.counts):
        total = total + count * rates[:, unit]
    whole = total // scale
    twice = 2 * (total - whole * scale)
    up = (twice > scale) | ((twice == scale) & (whole % 2 == 1))
    return np.asarray(whole + up)


def _fill(whole: Column, reported: NDArray[np.bool_], parts: Column) -> tuple[Column, NDArray[np.bool_]]:
    """Take the sum of the parts where a whole was not reported but its parts were."""
    filled = ~reported & (parts > 0)
    return np.where(filled, parts, whole), filled


def _rest(whole: Column, parts: Column, priced: NDArray[np.bool_]) -> tuple[Column, NDArray[np.bool_]]:
    """Return what of a whole is in none of its parts, and where the parts exceed it."""
    odd = priced & (parts > whole)
    return np.where(odd, whole, whole - parts) * priced, odd
