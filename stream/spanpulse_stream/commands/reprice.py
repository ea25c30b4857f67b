"""Price the stored calls of a model again under the prices of now, while data keeps arriving."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._operate import operate
from spanpulse_stream.commands._run import run_command
from spanpulse_stream.commands._show import count_of, plain_of, usd_of

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse reprice`."""
    return run_command("reprice", _reprice, arguments)


def _reprice(
    model: Annotated[str, typer.Option(help="calls that asked for this model, or that it answered")],
    first: Annotated[str, typer.Option("--from", help="first received day (UTC), as 2026-01-31")],
    last: Annotated[str | None, typer.Option("--to", help="last received day (default: the newest)")] = None,
    provider: Annotated[str | None, typer.Option(help="only calls of this provider")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, and change nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Price stored calls again: the installed price book and the price file of the settings, as they are now.

    A running spanpulse takes these prices over for what arrives next. A cost that was stated with its call stays where
    the book has no price for it.
    """
    settings = folder_settings(data, config)
    arguments = {"model": model, "provider": provider, "from": first, "to": last, "dry_run": dry_run}
    report = operate(settings, "reprice", arguments)
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201 -- what was asked for
    else:
        _show(report)
    return 0


def _show(report: dict[str, Any]) -> None:
    console = output_console()
    for each in report["skipped"]:
        console.print(f"{each['day']}: left alone, {each['why']}", style="yellow", markup=False)
    if not report["days"]:
        console.print(f"no calls of {plain_of(report['model'])} on these days", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for title in (
        "received",
        "calls",
        "changed",
        "cost before",
        "cost now",
        "difference",
        "priced now",
        "unpriced now",
    ):
        table.add_column(title, justify="left" if title == "received" else "right", no_wrap=True)
    for each in [*report["days"], report["total"]]:
        costs = (Decimal(each[name]) for name in ("old_cost", "new_cost", "difference"))
        counts = (count_of(each[name]) for name in ("priced_now", "unpriced_now"))
        named = (each["day"], count_of(each["spans"]), count_of(each["changed"]))
        table.add_row(*named, *(usd_of(cost) for cost in costs), *counts)
    console.print(table)
    done = "nothing was changed" if report["dry_run"] else "spans and rollups have them"
    console.print(f"prices {report['prices']}: {done}", markup=False)
