"""One file into a target: chunks are made while the one before is appended, and what the target has is left out.

Whatever ends a run, the same file and options go on where it stopped: a chunk is made and appended under its name.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from spanpulse_stream.importing._chunk import Chunk
from spanpulse_stream.importing._errors import BadPiece, ImportFailed, Torn
from spanpulse_stream.importing._reading import Reading
from spanpulse_stream.importing._target import Stopped, Target
from spanpulse_stream.log import LAST, Imported

__all__ = ["Outcome", "import_file"]

AHEAD: Final = 2  # chunks that are made and not appended yet
MOST_SHOWN: Final = 5
MOST_REASONS: Final = 3
POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to.

    ``force``: a file of which nothing at its beginning can be read; ``again``: one that is in and was read otherwise.
    """

    force: bool = False
    again: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of a file, of all runs together but for ``bad``, what could not be read first in this run.

    ``already`` says that nothing was left to do. ``found`` records were there from earlier runs.
    """

    records: int = 0
    rejected: int = 0
    found: int = 0
    metrics: int = 0
    bad: list[BadPiece] = field(default_factory=list)
    torn: Torn | None = None
    already: bool = False
    newest_ms: int = 0

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that the target has."""
        self.records += chunk.records
        self.rejected += chunk.rejected
        self.metrics += chunk.metrics
        self.bad += [*chunk.bad, *chunk.refused][: MOST_SHOWN - len(self.bad)]


NONE: Final = Consent()
Heard = Callable[[Outcome], None]


def import_file(
    reading: Reading, tenant: str, target: Target, heard: Heard, stopped: Callable[[], bool], consent: Consent = NONE
) -> Outcome:
    """Import one file and return what became of it; ``heard`` is told after each chunk.

    Raises ImportFailed, and Stopped once ``stopped`` says so; chunks that were appended until then stay.
    """
    before = target.reached(reading.name, tenant)
    outcome = Outcome(before.records, before.rejected, before.records, newest_ms=before.newest_ms)
    if before.complete:
        outcome.already = True
        return outcome
    if before.otherwise_ms and not before.chunks and not consent.again:
        raise ImportFailed(_read_otherwise(reading.file, before.otherwise_ms))
    with _Sender(target, outcome, heard) as sender:
        for chunk in _new_chunks(reading, before, outcome, heard):
            if chunk.number == 0 and not consent.force:
                _check(chunk, reading.file)
            sender.put(chunk, stopped)
    outcome.torn = reading.torn
    if outcome.torn is None:
        target.append(Chunk(reading.name, LAST, tenant))
    return outcome


def _read_otherwise(name: str, when_ms: int) -> str:
    when = datetime.fromtimestamp(when_ms / 1000, UTC)
    return (
        f"{name} was imported on {when:%Y-%m-%d %H:%M} UTC with other columns, or as another format or signal, and "
        "those records stay; --again imports it once more, beside them"
    )


def _check(chunk: Chunk, name: str) -> None:
    """Refuse a file of whose beginning nothing can be read: it is another one than was meant. Raises ImportFailed."""
    if not chunk.records or chunk.records > chunk.rejected:
        return
    first = {bad.reason: bad.place for bad in reversed([*chunk.bad, *chunk.refused])}
    reasons = "; ".join(f"{place}: {reason}" for reason, place in [*reversed(first.items())][:MOST_REASONS])
    raise ImportFailed(
        f"nothing can be read of the first {chunk.records:,} records of {name}, and nothing was imported: {reasons} "
        "(--force keeps such records as dead letters and goes on)"
    )


def _new_chunks(reading: Reading, before: Imported, outcome: Outcome, heard: Heard) -> Iterator[Chunk]:
    for number, make in enumerate(reading.chunks()):
        if number >= before.chunks:
            yield make()
        else:
            heard(outcome)


class _Sender:
    """Appends chunks in a thread of its own, one after the other; leaving the block waits for all of them."""

    def __init__(self, target: Target, outcome: Outcome, heard: Heard) -> None:
        self._target = target
        self._outcome = outcome
        self._heard = heard
        self._chunks: queue.Queue[Chunk | None] = queue.Queue(AHEAD)
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="import-sender", daemon=True)

    def put(self, chunk: Chunk, stopped: Callable[[], bool]) -> None:
        """Hand over a chunk, waiting for a place. Raises what the target raised, and Stopped."""
        while not stopped() and not self._ended.is_set():
            try:
                self._chunks.put(chunk, timeout=POLL_S)
            except queue.Full:
                continue
            return
        self._check()
        raise Stopped

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is not None:
            self._drop()
        self._end()
        self._thread.join()
        if kind is None:
            self._check()

    def _end(self) -> None:
        while not self._ended.is_set():
            try:
                self._chunks.put(None, timeout=POLL_S)
            except queue.Full:
                continue
            return

    def _drop(self) -> None:
        """Leave out what is not being appended yet: the next run makes it again."""
        while True:
            try:
                self._chunks.get_nowait()
            except queue.Empty:
                return

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (chunk := self._chunks.get()) is not None:
                self._target.append(chunk)
                self._outcome.add(chunk)
                self._heard(self._outcome)
        except BaseException as error:  # noqa: BLE001 -- raised again by who waits
            self._error = error
        finally:
            self._ended.set()
