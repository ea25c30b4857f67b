"""Chance: one source per request, so that a request is the same whatever else is generated.

Deterministic on every machine and version of Python; good enough for traffic, for nothing secret.
"""

import random

__all__ = ["Dice"]


class Dice(random.Random):
    """The chance of one request, from the seed of the day and the request's number."""

    def __init__(self, seed: int, number: int) -> None:
        super().__init__(f"{seed}/{number}")

    def chance(self, share: float) -> bool:
        """Return True with a probability."""
        return self.random() < share

    def around(self, typical_ms: float, spread: float) -> int:
        """Return ns around a typical number of ms, log-normally; ``spread`` is the sigma of the logarithm."""
        return int(typical_ms * self.lognormvariate(0.0, spread) * 1e6)
