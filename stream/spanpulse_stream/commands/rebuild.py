"""Count the rollups of received days again from the stored spans, while data keeps arriving."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._operate import operate
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.commands._show import count_of, seconds_of

__all__ = ["run"]

SKIPPED = 1


def run(arguments: list[str]) -> int:
    """Run `spanpulse rebuild`."""
    return run_command("rebuild", _rebuild, arguments)


def _rebuild(
    day: Annotated[str | None, typer.Argument(help="received day (UTC), as 2026-01-31")] = None,
    first: Annotated[str | None, typer.Option("--from", help="first received day; needs no DAY")] = None,
    last: Annotated[str | None, typer.Option("--to", help="last received day (default: the newest)")] = None,
    table: Annotated[list[str] | None, typer.Option(help="rebuild this rollup alone; may be repeated")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done and change nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Count the rollups of received days again from the stored spans, and swap them in.

    Spans may arrive meanwhile. Rollups whose spans, corrections or scores are not all there are left alone; the exit
    code is 1 then.
    """
    if (day is None) == (first is None) or (day is not None and last is not None):
        raise CommandError("name one DAY, or a range by --from and --to")
    settings = folder_settings(data, config)
    arguments = {"from": day or first, "to": day or last, "tables": table, "dry_run": dry_run}
    report = operate(settings, "rebuild", arguments)
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201 -- what was asked for
    else:
        _show(report)
    return SKIPPED if report["skipped"] else 0


def _show(report: dict[str, Any]) -> None:
    console = output_console()
    for each in report["days"]:
        if report["dry_run"]:
            console.print(f"{each['day']}: would be counted again from {count_of(each['spans'])} spans")
        else:
            console.print(
                f"{each['day']}: counted again from {count_of(each['spans'])} spans in {seconds_of(each['seconds'])},"
                f" {count_of(sum(each['rows'].values()))} rows; batches waited {seconds_of(each['held_seconds'])}"
            )
    for each in report["skipped"]:
        tables = ", ".join(each["tables"])
        console.print(f"{each['day']}: left alone ({tables}): {each['why']}", style="yellow", markup=False)
    if not report["days"] and not report["skipped"]:
        console.print("nothing was received on these days")
