"""What a way to a receiver has to do: one batch, one answer.

A transport is made, used and closed by one thread, the sender's; a child of a fork makes its own. Guarantee of each:
`send` returns only when the receiver has said that it has the batch; it raises `Refused` or `Unavailable` and nothing
else that concerns the receiver; a receiver that says nothing is given up after the timeout of the settings. Not
guaranteed: that a batch which was `Unavailable` has not arrived; it is sent again as it is, and the receiver knows
spans by their ids.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["Batch", "Refused", "Signal", "Transport", "Unavailable"]

Signal = Literal["traces", "logs"]


class Refused(Exception):  # noqa: N818 -- named by what the receiver did
    """The receiver will never take this batch, or takes ``count`` spans less than it has (None: none of them).

    ``reason`` is a word or two of a closed set, such as `http 400` or `grpc INVALID_ARGUMENT`: batches that are dropped
    are counted by it. ``detail`` is what the receiver said about it, bounded, for the log.
    """

    def __init__(self, reason: str, detail: str = "", count: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.count = count


class Unavailable(Exception):  # noqa: N818 -- the same
    """The receiver cannot be reached, or takes nothing now; ``after`` is when to try again, s, where it said so."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


@dataclass(frozen=True, slots=True)
class Batch:
    """Spans or events of one resource, as they are sent."""

    signal: Signal
    """`traces`: ``body`` is an ExportTraceServiceRequest; `logs`: an ExportLogsServiceRequest."""
    body: bytes
    """Protobuf, not compressed."""
    count: int
    """Spans or log records in it."""
    key: bytes
    """Hash of the resource, 16 bytes: what has the same key stays in order (Kafka: in one partition)."""


class Transport(Protocol):
    """A way to one receiver."""

    def send(self, batch: Batch) -> None:
        """Return when the receiver has acknowledged the batch. Raises Refused, Unavailable."""

    def close(self) -> None:
        """Let go of connections and threads, soon and without waiting for the receiver."""
