"""`spanpulse import`: each file in turn, with its progress, and what became of it."""

import gc
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import FrameType

from rich.console import Console

from spanpulse_stream.commands._import_dry_run import show_reading
from spanpulse_stream.commands._import_progress import Progress
from spanpulse_stream.commands._import_target import find_target
from spanpulse_stream.commands._show import plain_of
from spanpulse_stream.importing import (
    Consent,
    FileEmpty,
    ImportFailed,
    LogTarget,
    Options,
    Outcome,
    Reading,
    RunningTarget,
    Source,
    Stopped,
    Target,
    TargetFailed,
    import_file,
)
from spanpulse_stream.settings import Settings

__all__ = ["import_files", "show_files"]

UNREADABLE = 1
FAILED = 2
INTERRUPTED = 130
YOUNG = 500_000  # objects until a collection: those of a chunk hold no cycles


def show_files(files: Sequence[str], options: Options) -> int:
    """Print how files are read, and return the exit code."""
    return max(_told(name, partial(_show, name, options), _console()) for name in files)


def _show(name: str, options: Options) -> int:
    progress = Progress(_console(), name)
    with ExitStack() as stack:
        with progress:
            source = stack.enter_context(_opened(name, progress))
        shown = show_reading(Reading(source, options), name, Console(highlight=False, soft_wrap=True))
    return 0 if shown else UNREADABLE


def import_files(settings: Settings, files: Sequence[str], options: Options, consent: Consent) -> int:
    """Import files and return the exit code, the worst of them. Raises ImportFailed, CommandError."""
    gc.freeze()
    gc.set_threshold(YOUNG)
    console, stopping = _console(), threading.Event()
    codes: list[int] = []
    with ExitStack() as stack:
        say = partial(console.print, markup=False)
        target = find_target(settings, say, stopping, stack)
        run = _Run(options, consent, target, console, stopping)
        for name in files:
            try:
                codes.append(_told(name, partial(run.file, name), console))
            except Stopped:
                say("stopped; run the same command again to go on where it was")
                return INTERRUPTED
        if run.new and isinstance(target, LogTarget):
            say(f"`spanpulse up --data {settings.data}` will process them")
    return max(codes)


def _told(name: str, work: Callable[[], int], console: Console) -> int:
    """Do what is to be done with a file and return its exit code; of one that cannot be imported say why.

    Raises TargetFailed: the next file would fare no better.
    """
    try:
        return work()
    except FileEmpty:
        console.print(f"{plain_of(name)}: empty, 0 records", markup=False)
        return 0
    except TargetFailed:
        raise
    except ImportFailed as error:
        console.print(f"spanpulse import: {plain_of(str(error))}", markup=False, style="red")
        return FAILED


@dataclass(slots=True)
class _Run:
    """One import of several files; ``new`` says whether any brought something new."""

    options: Options
    consent: Consent
    target: Target
    console: Console
    stopping: threading.Event
    new: bool = False

    def file(self, name: str) -> int:
        """Import a file and return its exit code. Raises ImportFailed, Stopped."""
        progress = Progress(self.console, name)
        with progress, _opened(name, progress) as source:
            reading = Reading(source, self.options)
            progress.reads(source)
            if isinstance(self.target, RunningTarget):
                self.target.hear(progress.waits)
            with _interrupts(self.stopping):
                outcome = import_file(
                    reading, self.options.tenant, self.target, progress.heard, self.stopping.is_set, self.consent
                )
        self.new = self.new or outcome.records > outcome.found
        return _report(name, outcome, self.console)


def _report(name: str, outcome: Outcome, console: Console) -> int:
    """Say what became of a file and return its exit code."""
    for number, line in enumerate(_lines(plain_of(name), outcome)):
        console.print(line, markup=False, style="red" if number else None)
    return UNREADABLE if outcome.rejected or outcome.torn else 0


def _lines(name: str, outcome: Outcome) -> Iterator[str]:
    good, bad = outcome.records - outcome.rejected, outcome.rejected
    if outcome.already:
        when = datetime.fromtimestamp(outcome.newest_ms / 1000, UTC)
        yield f"{name}: already imported, {good:,} records, {when:%Y-%m-%d %H:%M} UTC"
    else:
        found = f", {outcome.found:,} of all by an earlier run" if outcome.found else ""
        yield f"{name}: {good:,} records imported{found}"
    if outcome.metrics:
        yield f"  {outcome.metrics:,} pieces hold metrics, which are not kept"
    if bad:
        kept = "are kept as dead letters" if bad > 1 else "is kept as a dead letter"
        yield f"  {bad:,} more cannot be read and {kept}"
    for piece in outcome.bad:
        yield f"  {piece.place}: {plain_of(piece.reason)}"
    if outcome.torn:
        yield f"  not read from {outcome.torn.place} on: {plain_of(outcome.torn.reason)}"


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def _opened(name: str, progress: Progress) -> Iterator[Source]:
    source = Source.open(name, progress.digests)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def _interrupts(stopping: threading.Event) -> Iterator[None]:
    """Have the first Ctrl-C end the import between two chunks; a second one ends the process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.set()
        signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
