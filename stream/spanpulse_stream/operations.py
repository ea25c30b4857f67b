"""What an operation on stored data says while it runs and when it does not reach its end.

Apart from the operations themselves, which load the pipeline and the database: who asks for one needs neither.
"""

from dataclasses import dataclass

__all__ = ["MaintenanceError", "Progress", "Stopped"]


class MaintenanceError(Exception):
    """The operation cannot do what it was asked; the message says why and what to do next."""


class Stopped(Exception):  # noqa: N818 -- what was asked for
    """Whoever asked for the operation has gone, or the process stops; what is unfinished can be asked for again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is: what it does now, and ``done`` of ``total`` where that is known, in ``unit``."""

    text: str
    done: float | None = None
    total: float | None = None
    unit: str = ""
