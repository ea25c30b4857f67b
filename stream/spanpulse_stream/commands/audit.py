"""Check that what was accepted is stored, once, and that the rollups say what the spans say."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._operate import Shown, operate
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.commands._show import count_of, plain_of
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.settings import Settings, load_settings

__all__ = ["run"]

WRONG = 1
MOST_LINES = 40
MOST_COMMANDS = 3
RESTART = "stop spanpulse and start it again: a start brings back what the log still has"
MENDS = {
    "log": RESTART,
    "offsets": f"{RESTART}; what batches have twice only a backup mends",
    "accepted": RESTART,
    "spans": f"{RESTART}; what it has no longer is lost, or in a backup",
    "corrections": RESTART,
    "scores": f"{RESTART}; what it has no longer is lost, or in a backup",
    "state of spans": RESTART,
    "state of log records": RESTART,
    "state of decisions": RESTART,
    "dead letters": "a start refills them where the engine set a part aside as broken; else they are in a backup",
    "accounts": "report this as a defect, with the lines above",
    "rollups": "{rebuild} counts them again, once spans, corrections and scores are whole",
}
"""What is checked, the worst first, and what mends it in a data folder."""
IN_CLUSTER = (
    "in a cluster no command mends this yet: keep these lines and the topics, see who else writes to the tables, "
    "and compare with a backup of ClickHouse"
)


def run(arguments: list[str]) -> int:
    """Run `spanpulse audit`."""
    return run_command("audit", _audit, arguments)


def _audit(
    first: Annotated[str | None, typer.Option("--from", help="first received day (UTC), as 2026-01-31")] = None,
    last: Annotated[str | None, typer.Option("--to", help="last received day (default: the newest)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Compare what was accepted, what is stored and what the rollups say; exit code 1 where they differ.

    Spans may arrive meanwhile. Nothing is changed.
    """
    settings = load_settings({"data": data}, file=config).settings
    arguments = {"from": first, "to": last}
    report = _of_cluster(settings, arguments) if settings.clickhouse_url else operate(settings, "audit", arguments)
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201 -- what was asked for
    else:
        _show(report, output_console(), cluster=bool(settings.clickhouse_url))
    return 0 if report["whole"] else WRONG


def _of_cluster(settings: Settings, arguments: dict[str, str | None]) -> dict[str, Any]:
    from spanpulse_sinks.clickhouse import QueryFailed  # noqa: PLC0415 -- takes a second or two
    from spanpulse_stream.cluster import CANNOT_START, audit_cluster  # noqa: PLC0415

    try:
        with Shown.on_stderr() as bar:
            return audit_cluster(settings, arguments, lambda progress: bar.show(asdict(progress)))
    except (*CANNOT_START, MaintenanceError, QueryFailed) as error:
        raise CommandError(str(error)) from None


def _show(report: dict[str, Any], console: Console, *, cluster: bool = False) -> None:
    for (day, why), tables in _unchecked(report).items():
        console.print(f"{day}: not checked ({', '.join(tables)}): {why}", style="yellow", markup=False)
    days = report["days"]
    if report["whole"]:
        period = f"{days[0]} to {days[-1]}, {count_of(len(days))} received days" if days else "nothing was received"
        console.print(f"[green]whole[/]: {period}")
        return
    order = list(MENDS)
    findings = sorted(report["findings"], key=lambda each: order.index(each["check"]))
    lines = _lines(findings)
    for line in lines[:MOST_LINES]:
        console.print(line, style="red", markup=False, soft_wrap=True)
    if len(lines) > MOST_LINES or report["more_findings"]:
        console.print(f"and more: {count_of(len(findings) + report['more_findings'])} values differ (--json has them)")
    if cluster:
        console.print(IN_CLUSTER, markup=False, soft_wrap=True)
        return
    for check in sorted({each["check"] for each in findings}, key=order.index):
        how = MENDS[check].format(rebuild=_rebuild_of(findings))
        console.print(f"{check}: {how}", markup=False, soft_wrap=True)


def _rebuild_of(findings: list[dict[str, Any]]) -> str:
    """Return the commands that rebuild the received days of which a rollup differs."""
    days = sorted({each["day"] for each in findings if each["check"] == "rollups"})
    if len(days) > MOST_COMMANDS:
        return f"`spanpulse rebuild --from {days[0]} --to {days[-1]}`"
    return ", ".join(f"`spanpulse rebuild {day}`" for day in days)


def _lines(findings: list[dict[str, Any]]) -> list[str]:
    """Return a line for each place; of rollups one for each row, with all measures of it that differ."""
    places: dict[str, list[str]] = {}
    for each in findings:
        places.setdefault(_place(each), []).append(_difference(each))
    return [f"{place}: {'; '.join(differences)}" for place, differences in places.items()]


def _place(each: dict[str, Any]) -> str:
    source = f"source {each['source']}" if "source" in each else ""
    # A rollup names the minute that its spans ended in; what mends it asks for the day they were received on.
    received = f"(received {each['day']})" if each["check"] == "rollups" else ""
    where = [each.get("minute") or each.get("day") or "", received, each.get("tenant") or "", each["table"], source]
    named = ", ".join(f"{name} {value}" for name, value in each.get("dimensions", {}).items())
    return plain_of(" ".join(word for word in where if word) + (f" ({named})" if named else ""))


def _difference(each: dict[str, Any]) -> str:
    if each["check"] == "offsets":
        how = "left out" if each["found"] > each["expected"] else "taken twice"
        first, last = sorted((each["expected"], each["found"]))
        return f"offsets {first} to {last - 1} are {how}"
    if each["expected"] == each["found"]:
        return f"{each['measure']} has {each['expected']}"
    return f"{each.get('measure') or each['check']} should be {each['expected']}, is {each['found']}"


def _unchecked(report: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in report["unchecked"]:
        found.setdefault((each["day"], each["why"]), []).append(each["table"])
    return found
