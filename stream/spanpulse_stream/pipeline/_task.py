"""What the steps of one batch share: where it lies in the log, what it is computed with, and the counts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from spanpulse_stream.decode import Limits
from spanpulse_stream.pipeline._cut import Incoming
from spanpulse_stream.pipeline._memory import PartitionMemory
from spanpulse_stream.pipeline._stages import Stages
from spanpulse_stream.pipeline._tally import Tally
from spanpulse_stream.pipeline._versions import Versions
from spanpulse_stream.price import PriceBook
from spanpulse_stream.rows import ContentPolicy
from spanpulse_stream.usage import Corrections

__all__ = ["Stored", "Task"]


class Stored(Protocol):
    """Reads the spans that corrections are about, in the state they had before the batch; may wait, may raise."""

    def __call__(self, corrections: Corrections, *, named: bool = False) -> pa.Table:
        """Return them; with ``named`` they come with their ids."""


@dataclass(frozen=True, slots=True)
class Task:
    """A batch to compute: contiguous messages (at least one), received on one UTC day."""

    messages: list[Incoming]
    log_source: int
    versions: Versions
    prices: PriceBook
    memory: PartitionMemory
    stored: Stored
    tally: Tally
    stages: Stages = field(default_factory=Stages)
    unpriced: list[tuple[str, str, int]] = field(default_factory=list)
    """(provider, model, requests) without a price."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Decisions by what became of them: taken (where they change something at all), ignored (there is no such span)."""

    @property
    def first(self) -> int:
        """The first offset."""
        return self.messages[0].offset

    @property
    def end(self) -> int:
        """The offset behind the last."""
        return self.messages[-1].offset + 1

    @property
    def day(self) -> int:
        """The UTC day of receipt, counted from 1970."""
        return self.messages[0].day

    @property
    def limits(self) -> Limits:
        """The limits of decoding."""
        return Limits(max_attributes=self.versions.max_attributes, max_depth=self.versions.max_depth)

    @property
    def policy(self) -> ContentPolicy:
        """Which texts may be kept."""
        return ContentPolicy.parse(self.versions.content)

    def of_signal(self, signal: str) -> list[Incoming]:
        """Return the messages of a signal that can be read."""
        return [message for message in self.messages if message.signal == signal and not message.unreadable]
