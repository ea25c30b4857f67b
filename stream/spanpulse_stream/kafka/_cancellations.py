"""Starting and closing clients of aiokafka, which cancel their own parts and let some of those cancellations through.

Guarantee: who does so is cancelled only where somebody cancels that task. Not guaranteed: that the client is started
or closed where it raised.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from aiokafka.errors import KafkaConnectionError

__all__ = ["own_cancellations"]


@contextmanager
def own_cancellations(doing: Literal["closed", "connected"]) -> Iterator[None]:
    """Raise KafkaConnectionError for a cancellation within that is not one of the running task."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise KafkaConnectionError(f"a client was cut off while it {doing}") from None
