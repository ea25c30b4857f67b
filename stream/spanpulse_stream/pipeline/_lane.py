"""What the agent keeps of one partition, and how an event of Faust's becomes a message to cut."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from spanpulse_stream.log import Claim
from spanpulse_stream.pipeline._cut import BatchCutter, Incoming
from spanpulse_stream.pipeline._steps import Partition

__all__ = ["Lane", "incoming"]


class Lane:
    """One partition: what waits to be cut, what waits to be acknowledged, and the batch that is being written."""

    def __init__(self, tp: Any, steps: Partition, cutter: BatchCutter, claim: Claim | None) -> None:
        self.tp = tp
        self.partition: int = tp.partition
        self.steps = steps
        self.cutter = cutter
        self.claim = claim  # of an earlier process, until the range it names is written
        self.writing: asyncio.Task[None] | None = None
        self._events: dict[int, tuple[Any, Any]] = {}
        if claim is not None:
            cutter.expect(claim.first, claim.end)

    def add(self, stream: Any, event: Any) -> None:
        """Take the partition's next event. Raises OffsetGap."""
        message = incoming(event.message)
        self.cutter.add(message)
        self._events[message.offset] = (stream, event)

    def pop(self, claim: Claim) -> Iterator[tuple[Any, Any]]:
        """Yield the events of a range, with their streams, and forget them."""
        return (self._events.pop(offset) for offset in range(claim.first, claim.end))

    def check(self) -> None:
        """Raise what made the last write fail, if it did."""
        if self.writing is not None and self.writing.done():
            self.writing.result()

    async def settled(self) -> None:
        """Wait for the batch that is being written. Raises what made it fail."""
        if self.writing is not None:
            await asyncio.shield(self.writing)


def incoming(message: Any) -> Incoming:
    """Return a message as the steps see it; a header that says nothing useful counts as absent."""
    headers = _headers(message.headers)
    records = headers.get("records", b"")
    return Incoming(
        offset=message.offset,
        appended_at=round(message.timestamp * 1000),
        tenant=headers.get("tenant", b"default").decode(errors="replace"),
        signal=headers.get("signal", b"traces").decode(errors="replace"),
        records=int(records) if records.isdigit() else 1,
        value=message.value or b"",
    )


def _headers(headers: Any) -> Mapping[str, bytes]:
    return dict(headers.items() if isinstance(headers, Mapping) else headers or ())
