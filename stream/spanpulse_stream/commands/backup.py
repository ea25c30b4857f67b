"""Back the data folder up, while spanpulse runs or not; or check a backup."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._operate import Shown, operate
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.commands._show import bytes_of, count_of
from spanpulse_stream.operations import MaintenanceError

__all__ = ["run"]

DAMAGED = 1
MEGABYTE = 1_000_000


def run(arguments: list[str]) -> int:
    """Run `spanpulse backup`."""
    return run_command("backup", _backup, arguments)


def _backup(
    dest: Annotated[Path, typer.Argument(help="folder of the backup; one that is there is brought up to date")],
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="read the backup and check every file; the next backup copies again what is wrong"
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Copy the data folder as it is between two batches; an interrupted backup goes on when it is repeated.

    With --verify the exit code is 1 where a file is missing or wrong.
    """
    if verify:
        return _verify(dest, as_json=as_json)
    settings = folder_settings(data, config, "back Kafka and ClickHouse up by their own means")
    report = operate(settings, "backup", {"dest": str(dest.resolve())})
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201 -- what was asked for
    else:
        _show(report)
    return 0


def _show(report: dict[str, Any]) -> None:
    console = output_console()
    console.print(
        f"{report['dest']}: {bytes_of(report['bytes'])} in {count_of(report['files'])} files,"
        f" as of {report['made_at']}; {bytes_of(report['copied_bytes'])} were copied",
        markup=False,
    )
    console.print(f"Batches waited {report['held_seconds']:.2f} s. `spanpulse restore` makes a data folder of it.")


def _verify(dest: Path, *, as_json: bool) -> int:
    from spanpulse_stream.maintenance import Manifest, check_files, note_damage  # noqa: PLC0415 -- takes a second

    try:
        manifest = Manifest.read(dest)
    except MaintenanceError as error:
        raise CommandError(str(error)) from None
    with Shown.on_stderr() as bar:
        done = 0

        def say(size: int) -> None:
            nonlocal done
            done += size
            bar.show({"text": "checking", "done": done / MEGABYTE, "total": manifest.bytes / MEGABYTE, "unit": "MB"})

        wrong = list(check_files(dest, manifest, say))
    if as_json:
        found = {"made_at": manifest.made_at, "files": len(manifest.files), "bytes": manifest.bytes}
        print(json.dumps({**found, "wrong": [{"path": each.path, "what": each.what} for each in wrong]}))  # noqa: T201
    else:
        console = output_console()
        for each in wrong:
            console.print(f"{each.path}: {each.what}", style="red", markup=False)
        state = f"{len(wrong)} of them are wrong" if wrong else "all are right"
        console.print(f"{dest}, as of {manifest.made_at}: {count_of(len(manifest.files))} files, {state}", markup=False)
    if wrong:
        _tell_mend(dest, lambda: note_damage(dest, (each.at for each in wrong)))
    return DAMAGED if wrong else 0


def _tell_mend(dest: Path, note: Callable[[], None]) -> None:
    """Note what is wrong, and say how it becomes right."""
    try:
        note()
    except OSError as error:
        mend = f"make a backup into another folder (that this one is damaged could not be noted: {error.strerror})"
    else:
        mend = (
            f"`spanpulse backup {dest}` copies it again from the data folder; until then this backup cannot be restored"
        )
    Console(stderr=True, highlight=False, soft_wrap=True).print(mend, markup=False)
