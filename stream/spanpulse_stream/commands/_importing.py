"""`spanpulse import`: each file in turn, with its progress, into the running process or the log of the data folder."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType

from rich.console import Console

from spanpulse_sinks.clickhouse import DatabaseInUse, SinkError
from spanpulse_stream.commands._import_options import show_reading
from spanpulse_stream.commands._import_progress import Progress
from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.commands._show import plain_of
from spanpulse_stream.control import ControlClient, NotRunning, RequestRefused
from spanpulse_stream.decode import warm_up
from spanpulse_stream.embedded import DataFolder, FolderUnusable, open_database, open_log
from spanpulse_stream.gateway import InvalidKey, OtlpOptions
from spanpulse_stream.importing import (
    Importer,
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
from spanpulse_stream.log import LogInUse, LogUnusable
from spanpulse_stream.settings import Settings

__all__ = ["import_files"]

UNREADABLE = 1
INTERRUPTED = 130
ANSWER_WITHIN_S = 90.0
START_WITHIN_S = 120.0
ASK_AGAIN_S = 0.5


def import_files(settings: Settings, files: Sequence[str], options: Options, *, dry_run: bool) -> int:
    """Import files and return the exit code. Raises ImportFailed, CommandError."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    warm_up()
    if dry_run:
        for name in files:
            with _opened(name, Progress(console, name)) as source:
                show_reading(Reading(source, options), name, Console(highlight=False, soft_wrap=True))
        return 0
    stopping = threading.Event()
    with _interrupts(stopping), ExitStack() as stack:
        try:
            target = _target(settings, console, stopping, stack)
            codes = [_import(name, options, target, console, stopping) for name in files]
        except Stopped:
            console.print("stopped; run the same command again to go on where it was", markup=False)
            return INTERRUPTED
        if isinstance(target, LogTarget):
            console.print(f"`spanpulse up --data {settings.data}` will process what was imported", markup=False)
    return max(codes)


def _import(name: str, options: Options, target: Target, console: Console, stopping: threading.Event) -> int:
    progress = Progress(console, name)
    with progress, _opened(name, progress) as source:
        reading = Reading(source, options)
        progress.reads(source)
        if isinstance(target, RunningTarget):
            target.hear(progress.waits)
        outcome = import_file(reading, options.tenant, target, progress.heard, stopping.is_set)
    return _report(name, outcome, console)


def _report(name: str, outcome: Outcome, console: Console) -> int:
    """Say what became of a file and return its exit code."""
    name = plain_of(name)
    if outcome.already:
        when = datetime.fromtimestamp(outcome.newest_ms / 1000, UTC)
        console.print(
            f"{name}: already imported, {outcome.records:,} records, at {when:%Y-%m-%d %H:%M} UTC", markup=False
        )
    else:
        found = f", {outcome.found:,} of them by an earlier run" if outcome.found else ""
        console.print(f"{name}: {outcome.records:,} records imported{found}", markup=False)
    if outcome.metrics:
        console.print(f"  {outcome.metrics:,} pieces hold metrics, which are not kept", markup=False)
    if outcome.rejected:
        console.print(f"  {outcome.rejected:,} cannot be read and are kept as dead letters", style="red", markup=False)
    for bad in outcome.bad:
        console.print(f"  {bad.place}: {plain_of(bad.reason)}", style="red", markup=False)
    if outcome.torn:
        text = f"  not read from {outcome.torn.place} on: {plain_of(outcome.torn.reason)}"
        console.print(text, style="red", markup=False)
    return UNREADABLE if outcome.rejected or outcome.torn else 0


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


def _target(settings: Settings, console: Console, stopping: threading.Event, stack: ExitStack) -> Target:
    """Return the running process, or else the log, which ``stack`` closes. Raises CommandError, Stopped."""
    client = ControlClient(settings.data, ANSWER_WITHIN_S)
    if not _runs(client):
        try:
            return LogTarget(_offline(settings, stack))
        except (LogInUse, DatabaseInUse) as used:
            _await_start(client, str(used), console, stopping)
        except (SinkError, FolderUnusable, InvalidKey, LogUnusable, OSError) as error:
            raise CommandError(str(error)) from None
    return RunningTarget(client, stopping.wait)


def _runs(client: ControlClient) -> bool:
    try:
        client.status()
    except NotRunning:
        return False
    except RequestRefused as refusal:
        raise CommandError(str(refusal)) from None
    return True


def _offline(settings: Settings, stack: ExitStack) -> Importer:
    folder = DataFolder.prepare(settings.data)
    options = OtlpOptions.from_settings(settings)
    database = open_database(folder, settings)
    with database:
        log = open_log(folder, settings, database)
    stack.callback(log.close)
    return Importer(log, options)


def _await_start(client: ControlClient, used: str, console: Console, stopping: threading.Event) -> None:
    """Wait until a process that has the log open answers: it is starting. Raises CommandError."""
    console.print(f"{used}; waiting for it to answer ...", markup=False)
    for _ in range(int(START_WITHIN_S / ASK_AGAIN_S)):
        if stopping.wait(ASK_AGAIN_S):
            raise Stopped
        if _runs(client):
            return
    raise CommandError(f"{used}; it did not answer")
