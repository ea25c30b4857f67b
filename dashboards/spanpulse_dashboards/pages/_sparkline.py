"""A small line without axes, as the paths of an SVG: how a figure went, beside what it is.

From zero to the largest value; gaps stay gaps, and a single point between gaps is a short dash. Not guaranteed: that
two sparklines have the same scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

__all__ = ["Sparkline", "sparkline"]

WIDTH = 120
HEIGHT = 28
PEAK = 2
"""Room above the line, so that its stroke is not cut off."""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The line and the area under it, in a box of ``width`` x ``height``."""

    path: str
    area: str
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(values: Sequence[float | None]) -> Sparkline:
    """Return the line of values at even distances; None is a gap."""
    known = [value for value in values if value is not None]
    top = max(known, default=0.0) or 1.0
    step = WIDTH / max(len(values) - 1, 1)
    points = [
        None if value is None else (index * step, HEIGHT - 1 - max(value, 0.0) / top * (HEIGHT - 1 - PEAK))
        for index, value in enumerate(values)
    ]
    runs = [[point for point in run if point] for known, run in groupby(points, key=bool) if known]
    return Sparkline("".join(_line(run, step) for run in runs), "".join(_area(run) for run in runs if len(run) > 1))


def _line(run: list[tuple[float, float]], step: float) -> str:
    if len(run) == 1:
        x, y = run[0]
        half = min(step / 2, 2.0)
        run = [(max(x - half, 0.0), y), (min(x + half, WIDTH), y)]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)


def _area(run: list[tuple[float, float]]) -> str:
    return f"M{run[0][0]:.1f} {HEIGHT}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in run) + f"L{run[-1][0]:.1f} {HEIGHT}Z"
