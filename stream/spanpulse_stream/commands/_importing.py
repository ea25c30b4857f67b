"""`spanpulse import`: each file in turn, with its progress, and what became of it."""

import gc
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from types import FrameType

from rich.console import Console

from spanpulse_stream.commands._import_options import show_reading
from spanpulse_stream.commands._import_progress import Progress
from spanpulse_stream.commands._import_target import find_target
from spanpulse_stream.commands._show import plain_of
from spanpulse_stream.importing import (
    LogTarget,
    Options,
    Outcome,
    Reading,
    RunningTarget,
    Source,
    Stopped,
    Target,
    import_file,
)
from spanpulse_stream.settings import Settings

__all__ = ["import_files", "show_files"]

UNREADABLE = 1
INTERRUPTED = 130
YOUNG = 50_000  # objects until a collection: those of a chunk hold no cycles


def show_files(files: Sequence[str], options: Options) -> int:
    """Print how files are read, and return the exit code. Raises ImportFailed."""
    for name in files:
        progress = Progress(_console(), name)
        with ExitStack() as stack:
            with progress:
                source = stack.enter_context(_opened(name, progress))
            show_reading(Reading(source, options), name, Console(highlight=False, soft_wrap=True))
    return 0


def import_files(settings: Settings, files: Sequence[str], options: Options) -> int:
    """Import files and return the exit code. Raises ImportFailed, CommandError."""
    gc.freeze()
    gc.set_threshold(YOUNG)
    console, stopping = _console(), threading.Event()
    codes: list[int] = []
    with ExitStack() as stack:
        say = partial(console.print, markup=False)
        target = find_target(settings, say, stopping, stack)
        for name in files:
            try:
                code, new = _import(name, options, target, console, stopping)
            except Stopped:
                say("stopped; run the same command again to go on where it was")
                return INTERRUPTED
            codes.append(code)
            if new and isinstance(target, LogTarget):
                say(f"  `spanpulse up --data {settings.data}` will process them")
    return max(codes)


def _import(
    name: str, options: Options, target: Target, console: Console, stopping: threading.Event
) -> tuple[int, bool]:
    """Import a file; return the exit code, and whether there was anything new in it."""
    progress = Progress(console, name)
    with progress, _opened(name, progress) as source:
        reading = Reading(source, options)
        progress.reads(source)
        if isinstance(target, RunningTarget):
            target.hear(progress.waits)
        with _interrupts(stopping):
            outcome = import_file(reading, options.tenant, target, progress.heard, stopping.is_set)
    return _report(name, outcome, console), outcome.records > outcome.found


def _report(name: str, outcome: Outcome, console: Console) -> int:
    """Say what became of a file and return its exit code."""
    for number, line in enumerate(_lines(plain_of(name), outcome)):
        console.print(line, markup=False, style="red" if number else None)
    return UNREADABLE if outcome.rejected or outcome.torn else 0


def _lines(name: str, outcome: Outcome) -> Iterator[str]:
    if outcome.already:
        when = datetime.fromtimestamp(outcome.newest_ms / 1000, UTC)
        yield f"{name}: already imported, {outcome.records:,} records, {when:%Y-%m-%d %H:%M} UTC"
    else:
        found = f", {outcome.found:,} of them by an earlier run" if outcome.found else ""
        yield f"{name}: {outcome.records:,} records imported{found}"
    if outcome.metrics:
        yield f"  {outcome.metrics:,} pieces hold metrics, which are not kept"
    if outcome.rejected:
        yield f"  {outcome.rejected:,} of them cannot be read and are kept as dead letters"
    for bad in outcome.bad:
        yield f"  {bad.place}: {plain_of(bad.reason)}"
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
