"""How much an application of several processes does; apart from it, for it is instrumented as it is imported."""

__all__ = ["CHILDREN", "JOBS"]

CHILDREN = 4
JOBS = 40
