"""What a demo shows: the generated day, or recorded SDK exports with an hour of real traffic.

A show says which settings it needs, what to send, what to tell of it afterwards, and what comes then.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rich.console import Console

from spanpulse_stream.commands._figures import Read
from spanpulse_stream.commands._happened import print_events
from spanpulse_stream.embedded import DataFolder
from spanpulse_stream.settings import Settings
from spanpulse_stream.traffic import Outgoing, TraceName, corpus_requests, replay
from spanpulse_stream.traffic.day import Day, Export

__all__ = ["DayShow", "Show", "TraceShow"]

PRICES = "demo-prices.yaml"


class Show(Protocol):
    """What a demo shows."""

    until: datetime
    """When the traffic that is sent first ends; `future` counts from here."""

    def settings(self, data: Path) -> Settings:
        """Return the settings of a process on this data folder. Raises FolderUnusable and OSError."""

    def past(self) -> Iterator[Outgoing]:
        """Yield what is sent first, as fast as it is taken."""

    def future(self) -> Iterator[Outgoing]:
        """Yield what is sent then, each when it is due (s after ``until``)."""

    def tell(self, read: Read, page: str | None, console: Console) -> None:
        """Say what there is to see; ``page`` is the address of the page, where it stays. Raises QueryFailed."""


class DayShow:
    """The day that ends with the last full minute before ``now``, and the traffic after it."""

    def __init__(self, now: datetime) -> None:
        self.until = now.replace(second=0, microsecond=0)
        self._day = Day(self.until)

    def settings(self, data: Path) -> Settings:
        """Return settings with the prices of the company in the demo."""
        prices = DataFolder.prepare(data).path / PRICES
        prices.write_text(self._day.prices, encoding="utf-8")
        return _settings(data, prices)

    def past(self) -> Iterator[Outgoing]:
        """Yield the day."""
        return map(_outgoing, self._day.past())

    def future(self) -> Iterator[Outgoing]:
        """Yield what comes after the day, without end."""
        return map(_outgoing, self._day.future())

    def tell(self, read: Read, page: str | None, console: Console) -> None:
        """Say what happened in the day."""
        print_events(read, self.until, page, console)


class TraceShow:
    """Recorded SDK exports and the replay of an Azure trace, which end at ``now``; nothing comes after them."""

    def __init__(self, trace: TraceName, now: datetime) -> None:
        self.until = now
        self._trace = trace

    def settings(self, data: Path) -> Settings:
        """Return settings without prices of its own."""
        return _settings(data, None)

    def past(self) -> Iterator[Outgoing]:
        """Yield the recorded exports, then the trace."""
        for signal, body in corpus_requests(self.until):
            yield Outgoing(signal, body)
        for _, body in replay(self._trace, until=self.until):
            yield Outgoing("traces", body)

    def future(self) -> Iterator[Outgoing]:
        """Yield nothing."""
        return iter(())

    def tell(self, read: Read, page: str | None, console: Console) -> None:
        """Say nothing: the summary says it all."""


def _outgoing(export: Export) -> Outgoing:
    return Outgoing(export.signal, export.body, export.records, export.due)


def _settings(data: Path, prices: Path | None) -> Settings:
    """Return settings with free ports and nothing of the surroundings: a demo is the same everywhere."""
    return Settings.model_validate({"data": data, "otlp_http": 0, "otlp_grpc": 0, "web": 0, "prices": prices})
