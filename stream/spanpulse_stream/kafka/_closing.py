"""Closing clients of aiokafka, which cancel their own parts and let some of those cancellations through.

Guarantee: who closes a client is cancelled only where somebody cancels that task. Not guaranteed: that the client is
closed where it raised.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError

__all__ = ["closing"]


@contextmanager
def closing() -> Iterator[None]:
    """Raise KafkaConnectionError for a cancellation within that is not one of the running task."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise KafkaConnectionError("a client was cut off while it closed") from None
