"""How long to wait before what failed is tried again: longer each time up to a bound, and never in step with others.

Guarantee: a wait is between half and one and a half times the doubled one. Not guaranteed: a limit on the attempts;
who waits has that.
"""

import random
from collections.abc import Callable
from typing import Final

__all__ = ["pause"]

MOST_DOUBLINGS: Final = 30


def pause(failures: int, first: float, longest: float, chance: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after so many failures in a row, the first of which waits about ``first``.

    ``chance`` gives numbers from 0 to 1.
    """
    return min(longest, first * 2.0 ** min(failures - 1, MOST_DOUBLINGS)) * (0.5 + chance())
