"""Numbers as pages show them: what was written down, and values at random, for the formatters of both languages."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spanpulse_dashboards import pages
from spanpulse_dashboards.pages import Shown

__all__ = ["FORMATS", "VECTORS", "some_values"]

VECTORS: Mapping[str, list[tuple[float | None, str]]] = json.loads(
    (Path(__file__).parent / "fixtures/pages/numbers.json").read_text()
)
FORMATS: Mapping[str, Callable[..., Shown]] = {
    "count": pages.count,
    "money": pages.money,
    "duration": pages.duration,
    "percent": pages.percent,
}
LARGEST: Mapping[str, float] = {"count": 1e13, "money": 1e9, "duration": 1e16, "percent": 10.0}


def some_values(kind: str, count: int = 400) -> list[Any]:
    """Return values over all sizes, and such as lie just beside a rounding."""
    rng = random.Random(kind)
    spread = [LARGEST[kind] * 10 ** -rng.uniform(0, 14) for _ in range(count)]
    ties = [rng.randint(100, 999) * 10.0 ** rng.randint(-4, 4) + 0.5 * 10.0 ** rng.randint(-4, 4) for _ in range(count)]
    return [*spread, *[tie for tie in ties if tie < LARGEST[kind]], *range(990, 1010)]
