"""Running an operation of maintenance for a person: in the process that runs on the folder, or in one made for it.

The operation is the same either way; where nothing runs, a process without ports first finishes what waits in the log.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from spanpulse_stream.commands._run import CommandError, LeaveAtOnce
from spanpulse_stream.commands._show import count_of
from spanpulse_stream.control import ControlClient, NotRunning, RequestRefused
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.settings import Settings

__all__ = ["Shown", "operate"]

PATIENCE_S = 60.0  # a running operation says at least every few seconds that it is alive
UNCHANGED = "nothing was changed"
STOPPED: Mapping[str, str] = {
    "audit": UNCHANGED,
    "backup": "the backup of before is whole; the same command goes on with the new one",
    "erase": "it may have begun; the next start finishes it then, or the same command",
    "rebuild": "days that were done are counted again, all others are as they were",
    "replay": "letters that were sent stay sent; the command says how to go on when it is run again",
    "reprice": "days that were done have the new prices; if there are any, the next start does the rest, or the same"
    " command",
}
"""What an operation leaves behind that somebody stopped."""


def operate(settings: Settings, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run operation ``name`` and return its report; shows on stderr how far it is. Raises CommandError."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        return _followed(ControlClient(settings.data, PATIENCE_S).operate(name, arguments), console)
    except NotRunning:
        return _alone(settings, name, arguments, console)
    except RequestRefused as refusal:
        raise CommandError(str(refusal)) from None
    except KeyboardInterrupt:
        left = UNCHANGED if arguments.get("dry_run") else STOPPED[name]
        console.print(f"stopped: {left}", style="yellow", markup=False)
        raise


def _followed(events: Iterator[dict[str, Any]], console: Console) -> dict[str, Any]:
    """Show the progress among the events and return the report at their end."""
    with Shown(console) as bar:
        for event in events:
            if "report" in event:
                report: dict[str, Any] = event["report"]
                return report
            bar.show(event["progress"])
    raise CommandError("the operation ended without a report")


def _alone(settings: Settings, name: str, arguments: Mapping[str, Any], console: Console) -> dict[str, Any]:
    """Start a process without ports on the folder, run the operation in it and stop it."""
    if not (settings.data / "database").is_dir():
        raise CommandError(f"there is no database in {settings.data}; `spanpulse up --data {settings.data}` makes one")
    from spanpulse_stream.commands._serve import CANNOT_START  # noqa: PLC0415 -- takes a second or two

    try:
        report, stuck = asyncio.run(_in_own_process(settings, name, arguments, console))
    except (*CANNOT_START, MaintenanceError) as error:
        raise CommandError(str(error)) from None
    if stuck:
        raise LeaveAtOnce(0)
    return report


async def _in_own_process(
    settings: Settings, name: str, arguments: Mapping[str, Any], console: Console
) -> tuple[dict[str, Any], bool]:
    from spanpulse_stream.embedded import EmbeddedProcess  # noqa: PLC0415
    from spanpulse_stream.observe import configure_logging  # noqa: PLC0415

    configure_logging("warning")
    with Shown(console) as bar:
        process = await EmbeddedProcess.start(settings, lambda line: bar.show({"text": line}), listen=False)
        try:
            report = await process.maintenance.run(
                name,
                arguments,
                lambda progress: bar.show(asdict(progress)),
                threading.Event(),
            )
        finally:
            await process.stop()
    return report, process.stuck


class _Amount(ProgressColumn):
    """How much is done, where that is known."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text("")
        return Text(f"{count_of(int(task.completed))} of {count_of(int(task.total))} {task.fields['unit']}")


class Shown:
    """One line that changes, or plain lines where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), _Amount(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("starting", total=None, unit="")
        self._told = ""

    @classmethod
    def on_stderr(cls) -> Self:
        """Return one that shows on stderr."""
        return cls(Console(stderr=True, highlight=False, soft_wrap=True))

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def show(self, progress: Mapping[str, Any]) -> None:
        """Show what is done now; for any thread."""
        text, done, total = str(progress["text"]), progress.get("done"), progress.get("total")
        unit = progress.get("unit") or ""
        if self._console.is_terminal:
            self._bar.update(self._task, description=text, completed=done or 0, total=total, unit=unit)
        elif text != self._told:
            self._told = text
            self._console.print(f"{text} ...", markup=False)
