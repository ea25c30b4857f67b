"""Start spanpulse on this machine: OTLP in, costs, percentiles and errors out, one process."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse up`."""
    return run_command("up", _up, arguments)


def _up(
    data: Annotated[Path | None, typer.Option(help="folder of the log and the database")] = None,
    host: Annotated[str | None, typer.Option(help="address for OTLP; any but loopback needs API keys")] = None,
    otlp_http: Annotated[int | None, typer.Option(help="port of OTLP/HTTP; 0 takes a free one")] = None,
    otlp_grpc: Annotated[int | None, typer.Option(help="port of OTLP/gRPC; 0 takes a free one")] = None,
    web_host: Annotated[str | None, typer.Option(help="address for the page; any but loopback needs a token")] = None,
    web: Annotated[int | None, typer.Option(help="port of the page and of /metrics; 0 takes a free one")] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="file that gets the real addresses as JSON once everything is ready")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Start spanpulse and serve until Ctrl-C."""
    given = {
        "data": data,
        "host": host,
        "otlp_http": otlp_http,
        "otlp_grpc": otlp_grpc,
        "web_host": web_host,
        "web": web,
    }
    settings = load_settings(given, file=config).settings
    if ready_file is not None:
        _check_writable(ready_file)
    from spanpulse_stream.commands._serve import CANNOT_START, serve  # noqa: PLC0415 -- takes a second or two

    try:
        return serve(settings, ready_file)
    except CANNOT_START as error:
        raise CommandError(str(error)) from None


def _check_writable(ready_file: Path) -> None:
    """Raise CommandError where the file could not be written at the end of a start."""
    folder = ready_file.parent
    if not folder.is_dir():
        raise CommandError(f"--ready-file {ready_file}: there is no folder {folder}")
    if ready_file.is_dir():
        raise CommandError(f"--ready-file {ready_file}: this is a folder")
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(f"--ready-file {ready_file}: cannot write into {folder}: {error.strerror}") from None
