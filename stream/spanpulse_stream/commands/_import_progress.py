"""How far an import is, for a person who waits: a bar on a terminal, else a line every few seconds.

Bytes are those of the file as it lies on the disk; the rate is over this run.
"""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from spanpulse_stream.commands._show import bytes_of, count_of, plain_of
from spanpulse_stream.importing import Outcome, Source

__all__ = ["Progress"]

EVERY_S = 5.0
LEAST_S = 0.5  # before which a rate says nothing


class Progress:
    """The progress of one file, within a `with` block. Its methods may be called from any thread."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = plain_of(name)
        self._lock = threading.Lock()
        self._begun = self._printed = time.monotonic()
        self._source: Source | None = None
        self._outcome = Outcome()
        self._why = ""
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[says]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._bars.add_task(self._name, total=None, says="reading")

    def digests(self, size: int) -> None:
        """Hear that ``size`` bytes were read for the digest."""
        self._show(size, "reading")

    def reads(self, source: Source) -> None:
        """Hear that the import begins."""
        self._source = source
        self._begun = time.monotonic()
        self._bars.reset(self._task, total=source.size, says="")

    def heard(self, outcome: Outcome) -> None:
        """Hear that a chunk was appended."""
        self._outcome = outcome
        self._tell()

    def waits(self, why: str) -> None:
        """Hear why the import waits; an empty text: it goes on."""
        if why or self._why:
            self._why = why
            self._tell()

    def _tell(self) -> None:
        if self._source is not None:
            new = self._outcome.records - self._outcome.found
            taken = time.monotonic() - self._begun
            rate = f", {count_of(new / taken)}/s" if taken > LEAST_S else ""
            waits = f", waiting: {self._why}" if self._why else ""
            self._show(self._source.position, f"{count_of(self._outcome.records)} records{rate}{waits}")

    def _show(self, size: int, says: str) -> None:
        self._bars.update(self._task, completed=size, says=says)
        with self._lock:
            if self._console.is_terminal or time.monotonic() - self._printed < EVERY_S:
                return
            self._printed = time.monotonic()
        total = f" of {bytes_of(self._source.size)}" if self._source else ""
        self._console.print(f"{self._name}: {bytes_of(size)}{total}, {says}", markup=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._bars.stop()
