"""Erase what a user or a trace left behind, or all that was received before a day."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._operate import operate
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.commands._show import count_of
from spanpulse_stream.settings import Settings

__all__ = ["run"]

WHAT = {
    "span_rows": "spans emptied (their sums stay)",
    "span_texts": "late texts deleted",
    "scores": "scores without their trace and explanation",
    "dead_letters": "dead letters emptied",
    "span_updates": "corrections without their ids",
    "rollup_user": "rows of sums by user",
    "seen": "remembered spans without user, session and ids",
}
DAYS = {
    **dict.fromkeys(
        ("span_rows", "span_texts", "scores", "dead_letters", "span_updates", "rollup_user"), "rows deleted"
    ),
    "seen": "remembered spans without user and session",
}


def run(arguments: list[str]) -> int:
    """Run `spanpulse erase`."""
    return run_command("erase", _erase, arguments)


def _erase(
    user: Annotated[str | None, typer.Option(help="id of a user, as applications sent it")] = None,
    trace: Annotated[str | None, typer.Option(help="id of a trace, 32 hexadecimal digits")] = None,
    before: Annotated[str | None, typer.Option(help="all that was received before this day (UTC), 2026-01-31")] = None,
    tenant: Annotated[str | None, typer.Option(help="of this tenant alone (default: of all)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count what would go, change nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Erase spans, texts, scores, dead letters and sums by user; all other sums stay what they are.

    It also runs while spanpulse is up. Where nothing is found the exit code is 0. It cannot be undone.
    """
    settings = folder_settings(data, config)
    asked = {"user": user, "trace": trace, "before": before, "tenant": tenant}
    if not (dry_run or yes):
        _confirm(settings, asked)
    report = _run(settings, {**asked, "dry_run": dry_run})
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201 -- what was asked for
    else:
        _show(report, by_day=before is not None, dry_run=dry_run)
    return 0


def _run(settings: Settings, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return operate(settings, "erase", arguments)
    except KeyboardInterrupt:
        if not arguments["dry_run"]:
            Console(stderr=True, highlight=False, soft_wrap=True).print(
                "spanpulse erase: interrupted. Where it had begun, the next start finishes it, or repeat it; till then "
                "`spanpulse status` says so.",
                style="red",
            )
        raise


def _confirm(settings: Settings, asked: dict[str, str | None]) -> None:
    """Show what would go and ask. Raises CommandError where nobody can answer, and typer.Abort."""
    if not sys.stdin.isatty():
        raise CommandError("this cannot be undone: say --yes, or --dry-run to see what would go")
    _show(operate(settings, "erase", {**asked, "dry_run": True}), by_day=asked["before"] is not None, dry_run=True)
    typer.confirm("Erase this? It cannot be undone", abort=True, err=True)


def _show(report: dict[str, Any], *, by_day: bool, dry_run: bool) -> None:
    console = output_console()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    for name, what in (DAYS if by_day else WHAT).items():
        table.add_row(count_of(report["rows"].get(name, 0)), name, what)
        if name == "dead_letters" and (by_word := report["rows"].get("dead_letters_by_word", 0)):
            table.add_row(count_of(by_word), "", "of them cannot be read and hold the id as a word somewhere")
    console.print("would be erased:" if dry_run else "erased:")
    console.print(table)
    if not dry_run:
        console.print(
            f"The stream processors were held for {report['held_seconds']:.1f} s; the log forgot what it had."
        )
        if named := report["still_named"]:
            where = ", ".join(f"{name} {count_of(count)}" for name, count in named.items())
            console.print(
                f"Still named in: {where} (values that sums are kept by, and links of other spans)", markup=False
            )
        if parts := report["old_parts"]:
            console.print(f"A query still reads {count_of(parts)} files of before; they go within minutes of its end.")
        console.print("Not covered: what arrives from now on, and backups that were made before.")
