"""The queue between the driver and an agent, bounded in bytes beside messages.

Faust counts messages alone, and one of ours may hold anything from a hundred bytes to the largest request body.
Guarantee: it holds at most its bytes and one message more. Not guaranteed: what an agent keeps that it has taken.
"""

from typing import Any

from mode.utils.queues import ThrowableQueue

__all__ = ["ByteBoundedQueue"]


class ByteBoundedQueue(ThrowableQueue):
    """Holds Faust's events; it is full at ``maxsize`` of them or at ``max_bytes`` of their values."""

    def __init__(self, *args: Any, max_bytes: int, **kwargs: Any) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        super().__init__(*args, **kwargs)

    def full(self) -> bool:
        """Tell whether there is no room; there always is in an empty queue."""
        return bool(super().full()) or self.bytes >= self.max_bytes

    def in_pressure_high_state(self, callback: Any) -> bool:
        """Tell, once for each ``callback`` until the pressure drops, that the driver is to pause."""
        if self.bytes < self.max_bytes or callback in self._pending_pressure_drop_callbacks:
            return bool(super().in_pressure_high_state(callback))
        self._pending_pressure_drop_callbacks.add(callback)
        return True

    def maybe_endorse_pressure_drop(self) -> None:
        """Let the driver go on, if few messages and at most half of the bytes are left."""
        if 2 * self.bytes <= self.max_bytes:
            super().maybe_endorse_pressure_drop()

    def clear(self) -> None:
        """Forget all messages."""
        super().clear()
        self.bytes = 0

    def _put(self, item: Any) -> None:
        super()._put(item)
        self.bytes += _size(item)

    def _get(self) -> Any:
        item = super()._get()
        self.bytes -= _size(item)
        return item


def _size(event: Any) -> int:
    return len(event.message.value or b"")
