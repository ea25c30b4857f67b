"""Show spanpulse at work: a day of traffic in which something happens, on a page that lives."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from spanpulse_stream.commands._run import CommandError, run_command

__all__ = ["run"]

TraceName = Literal["conv", "code"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse demo`."""
    return run_command("demo", _demo, arguments)


def _demo(
    once: Annotated[bool, typer.Option("--once", help="print the summary and exit")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="open the page in a browser")] = False,
    data: Annotated[
        Path | None, typer.Option(help="new data folder to keep (default: a temporary one, removed at the end)")
    ] = None,
    trace: Annotated[
        str | None,
        typer.Option(help="instead of the day, recorded SDK exports and an hour of real traffic: conv or code"),
    ] = None,
) -> int:
    """Start spanpulse, fill it with a day of traffic, say what happened in it and where to look, and go on."""
    if trace not in {None, "conv", "code"}:
        raise CommandError(f"--trace is conv or code, not {trace!r}")
    if once and open_page:
        raise CommandError("--once ends before anybody could look: give either --once or --open")
    if data is not None:
        return _run(data, trace, once=once, open_page=open_page)
    with tempfile.TemporaryDirectory(prefix="spanpulse-demo-") as folder:
        return _run(Path(folder), trace, once=once, open_page=open_page)


def _run(data: Path, trace: str | None, *, once: bool, open_page: bool) -> int:
    from spanpulse_stream.commands._console import output_console  # noqa: PLC0415 -- these take a second or two
    from spanpulse_stream.commands._demonstrate import demonstrate  # noqa: PLC0415
    from spanpulse_stream.commands._serve import CANNOT_START  # noqa: PLC0415
    from spanpulse_stream.commands._shows import DayShow, TraceShow  # noqa: PLC0415
    from spanpulse_stream.embedded import DataFolder  # noqa: PLC0415

    if DataFolder(data).used:
        raise CommandError(
            f"{data} holds data already, which the demo would mix with its own: `spanpulse up --data {data}` shows it;"
            " give the demo a new folder"
        )
    now = datetime.now(UTC)
    try:
        show = DayShow(now) if trace is None else TraceShow(cast(TraceName, trace), now)
        settings = show.settings(data)
        return asyncio.run(demonstrate(settings, show, output_console(), once=once, open_page=open_page))
    except CANNOT_START as error:
        raise CommandError(str(error)) from None
