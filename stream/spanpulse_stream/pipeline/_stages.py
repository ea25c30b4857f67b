"""CPU time of each stage of a batch, in the thread that runs it.

Not covered: what the database does in threads of its own.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stages"]


class Stages:
    """Adds up CPU seconds by the name of a stage; one batch, one thread at a time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the CPU time of a block."""
        begun = time.thread_time()
        try:
            yield
        finally:
            self.seconds[stage] += time.thread_time() - begun
