"""Import files of spans: OTLP of the Collector's file exporter, CSV, Parquet; once, however often it is run."""

from pathlib import Path
from typing import Annotated

import typer

from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._run import CommandError, run_command

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse import`."""
    return run_command("import", _import, arguments)


def _import(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="files, gzip or zstd too; - is standard input")],
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    tenant: Annotated[str, typer.Option(help="whose data they are")] = "default",
    form: Annotated[
        str | None, typer.Option("--format", help="json, proto, proto-varint, csv or parquet (default: by content)")
    ] = None,
    signal: Annotated[
        str | None, typer.Option(help="what protobuf holds: traces or logs (default: by content)")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--map", help="COLUMN=FIELD of a table; COLUMN=- leaves it out; may be repeated")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML or TOML file of COLUMN: FIELD")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show how the files are read; import nothing")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="also where nothing at the beginning of a file can be read")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="also files that are in and were read otherwise: they count twice then")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Import FILEs into a data folder, while spanpulse runs on it or not.

    Run again, the same command goes on where it was stopped, and what is in already is left out. Exit code 1 says that
    something in a file could not be read, 2 that a file could not be imported or the command could not go on.
    """
    settings = folder_settings(data, config, "send files to a gateway")
    # These take half a second.
    from spanpulse_stream.commands._import_options import options_of  # noqa: PLC0415
    from spanpulse_stream.commands._importing import import_files, show_files  # noqa: PLC0415
    from spanpulse_stream.commands._show import plain_of  # noqa: PLC0415
    from spanpulse_stream.importing import Consent, ImportFailed  # noqa: PLC0415

    try:
        options = options_of(settings, tenant, form, signal, column or [], mapping)
        if dry_run:
            return show_files(files, options)
        return import_files(settings, files, options, Consent(force=force, again=again))
    except ImportFailed as error:
        raise CommandError(plain_of(str(error))) from None
