"""Make a data folder of a backup."""

from pathlib import Path
from typing import Annotated

import typer

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._operate import Shown
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.commands._show import bytes_of
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse restore`."""
    return run_command("restore", _restore, arguments)


def _restore(
    source: Annotated[Path, typer.Argument(help="folder of the backup")],
    data: Annotated[Path | None, typer.Option(help="data folder to be made; missing or empty")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Copy a backup into a new data folder, checked before and after; what was interrupted goes on when repeated."""
    settings = load_settings({"data": data}, file=config).settings
    from dataclasses import asdict  # noqa: PLC0415

    from spanpulse_stream.maintenance import restore  # noqa: PLC0415 -- takes a second

    try:
        with Shown.on_stderr() as bar:
            manifest = restore(source, settings.data, lambda progress: bar.show(asdict(progress)))
    except (MaintenanceError, OSError) as error:
        raise CommandError(str(error)) from None
    console = output_console()
    console.print(f"{settings.data}: {bytes_of(manifest.bytes)}, as of {manifest.made_at}", markup=False)
    console.print(f"`spanpulse up --data {settings.data}` goes on from there", markup=False)
    return 0
