"""Steps that record what the enricher has them do, in memory and in a file that outlives a SIGKILL."""

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spanpulse_stream.partitions import TP
from spanpulse_stream.pipeline import Incoming, Steps


@dataclass(frozen=True)
class Batch:
    """What a batch holds: ``count`` messages in the offsets [first, end) of a partition, and a digest of them."""

    topic: str
    partition: int
    first: int
    end: int
    versions: str
    count: int
    digest: str


@dataclass
class Journal:
    """What was written, in order, by all apps; ``path`` keeps it. ``fails`` may raise before or after a write.

    ``landed`` is what partitions say that they have, ``skipped`` counts what was therefore left out.
    """

    path: Path | None = None
    batches: list[Batch] = field(default_factory=list)
    fails: Callable[[str, Batch], None] = lambda _step, _batch: None
    running: int = 0
    opened: list[TP] = field(default_factory=list)
    landed: Callable[[TP, int], int] = lambda _tp, first: first
    unfinished: Callable[[TP, int, int | None], int | None] = lambda _tp, _first, _end: None
    skipped: Counter[TP] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> list[Batch]:
        """Return what any process wrote to the file; a torn last line was not written."""
        assert self.path is not None
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        return [Batch(**json.loads(line)) for line in lines if line.endswith("\n")]

    def write(self, batch: Batch) -> None:
        with self.lock:
            self.batches.append(batch)
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps(batch.__dict__) + "\n")
                    file.flush()
                    os.fsync(file.fileno())


class RecordingPartition:
    """`pipeline.Partition` into a journal."""

    def __init__(self, tp: TP, journal: Journal) -> None:
        self._tp = tp
        self._journal = journal

    def landed(self, first: int) -> int:
        return self._journal.landed(self._tp, first)

    def unfinished(self, first: int, end: int | None) -> int | None:
        return self._journal.unfinished(self._tp, first, end)

    def compute(self, batch: list[Incoming], versions: str) -> Batch:
        offsets = [message.offset for message in batch]
        assert offsets == sorted(set(offsets))
        return self._run("compute", describe(self._tp, batch, versions))

    def write(self, computed: Batch) -> None:
        self._run("write", computed)
        self._journal.write(computed)
        self._journal.fails("written", computed)

    def abandon(self) -> None:
        """Nothing waits for another batch here."""

    def _run(self, step: str, batch: Batch) -> Batch:
        with self._journal.lock:
            self._journal.running += 1
        try:
            self._journal.fails(step, batch)
        finally:
            with self._journal.lock:
                self._journal.running -= 1
        return batch


def describe(tp: TP, batch: list[Incoming], versions: str) -> Batch:
    digest = hashlib.sha256()
    for message in batch:
        digest.update(repr((message.appended_at, message.tenant, message.signal, message.records)).encode())
        digest.update(message.value)
    return Batch(*tp, batch[0].offset, batch[-1].offset + 1, versions, len(batch), digest.hexdigest())


def recording_steps(app: Any, journal: Journal, versions: str = "v1") -> Steps:
    async def partition(tp: TP) -> RecordingPartition:
        journal.opened.append(tp)
        return RecordingPartition(tp, journal)

    def skipped(tp: TP, messages: int) -> None:
        journal.skipped[tp] += messages

    return Steps(partition, lambda: versions, app.crash, skipped)
