"""Run the main job on real data and print what it cost, how slow it was and what failed."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import Settings

__all__ = ["run"]

TraceName = Literal["conv", "code"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse demo`."""
    return run_command("demo", _demo, arguments)


def _demo(
    once: Annotated[bool, typer.Option("--once", help="print the summary and exit")] = False,
    data: Annotated[
        Path | None, typer.Option(help="data folder to keep (default: a temporary one, removed at the end)")
    ] = None,
    trace: Annotated[str, typer.Option(help="which Azure trace to replay: conv or code")] = "conv",
) -> int:
    """Start spanpulse, send it recorded SDK exports and a replay of an Azure trace, and print a summary."""
    if trace not in ("conv", "code"):
        raise CommandError(f"--trace is conv or code, not {trace!r}")
    if data is not None:
        return _run(data, trace, once=once)
    with tempfile.TemporaryDirectory(prefix="spanpulse-demo-") as folder:
        return _run(Path(folder), trace, once=once)


def _run(data: Path, trace: str, *, once: bool) -> int:
    from spanpulse_stream.commands._demonstrate import demonstrate  # noqa: PLC0415 -- takes a second or two
    from spanpulse_stream.commands._serve import CANNOT_START  # noqa: PLC0415

    # Free ports and nothing of the surroundings: the demo is the same everywhere and disturbs no other process.
    settings = Settings.model_validate({"data": data, "otlp_http": 0, "otlp_grpc": 0, "web": 0})
    try:
        return asyncio.run(demonstrate(settings, output_console(), trace=cast(TraceName, trace), once=once))
    except CANNOT_START as error:
        raise CommandError(str(error)) from None
