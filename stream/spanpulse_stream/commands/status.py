"""Show how a running spanpulse does: completeness, lag, rates, disk, unpriced models."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.commands._show import bytes_of, count_of, plain_of
from spanpulse_stream.control import ControlClient, NotRunning, RequestRefused

__all__ = ["run"]

NOT_READY = 1


def run(arguments: list[str]) -> int:
    """Run `spanpulse status`."""
    return run_command("status", _status, arguments)


def _status(
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> int:
    """Show how the process that owns a data folder does; exit code 1 where it is not ready."""
    settings = folder_settings(data, config, "the page, /readyz and /metrics of each process say how it does")
    try:
        found = ControlClient(settings.data, timeout=settings.query_timeout).status()
    except NotRunning:
        raise CommandError(
            f"no spanpulse runs on {settings.data}; `spanpulse up --data {settings.data}` starts one"
        ) from None
    except RequestRefused as refusal:
        raise CommandError(str(refusal)) from None
    if as_json:
        print(json.dumps(found, indent=2))  # noqa: T201 -- what was asked for
    else:
        _show(found)
    return 0 if found["ready"] else NOT_READY


def _show(found: dict[str, Any]) -> None:
    console = output_console()
    state = "[green]ready[/]" if found["ready"] else "[red]not ready[/]"
    console.print(f"spanpulse {found['version']}, process {found['pid']}, up {found['uptime_seconds']:.0f} s: {state}")
    for reason in found["reasons"]:
        console.print(f"  {reason['reason']}: {reason['detail']}", style="red", markup=False)
    for warning in found["warnings"]:
        console.print(f"  {warning['reason']}: {warning['detail']}", style="yellow", markup=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _lines(found):
        table.add_row(name, value)
    console.print(table)
    if found["unpriced"]:
        console.print("models without a price (last 24 h):")
        for model in found["unpriced"]:
            console.print(
                f"  {plain_of(model['provider'])} {plain_of(model['model'])}: {count_of(model['requests'])} requests",
                markup=False,
            )
    if found["requests_beyond_cap"]:
        beyond = ", ".join(f"{count_of(count)} by {name}" for name, count in found["requests_beyond_cap"].items())
        console.print(f"requests summed as __other__, their values came when a day's places were full: {beyond}")


def _refused(requests: dict[str, int], records: int) -> str:
    """Say how many requests were refused, why, and how many records are known to have been in them."""
    if not requests:
        return "nothing since the start"
    why = ", ".join(f"{count_of(count)} with {code} {_phrase(int(code))}" for code, count in requests.items())
    known = f"; {count_of(records)} records in those that were read" if records else ""
    return f"{count_of(sum(requests.values()))} requests since the start (their senders know): {why}{known}"


def _phrase(code: int) -> str:
    return HTTPStatus(code).phrase.lower()


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    counts, lag, disk = found["completeness"], found["lag"], found["disk"]
    names = ("accepted", "stored", "duplicate", "dead_lettered", "filtered", "pending", "unjoined")
    addresses = found["addresses"]
    lines = [
        ("OTLP/HTTP", addresses["otlp_http"]),
        ("OTLP/gRPC", addresses["otlp_grpc"]),
        ("web", addresses["web"]),
    ]
    lines += [("records", ", ".join(f"{count_of(counts[name])} {name.replace('_', '-')}" for name in names))]
    lines += [("refused", _refused(found["refused_requests_since_start"], counts["refused_since_start"]))]
    if counts["unaccounted"]:
        lines.append(("UNACCOUNTED", f"{counts['unaccounted']} records; this must be 0"))
    waiting = f"{count_of(lag['records'])} records, {bytes_of(lag['bytes'])}, oldest {lag['oldest_seconds']:.1f} s"
    lines += [("waiting", waiting)]
    lines += [("rate", f"{found['rates']['accepted_per_second']:.1f} records/s over the last minutes")]
    sizes = (f"{bytes_of(disk[f'{part}_bytes'])} {part}" for part in ("database", "log", "free"))
    cap = f", capped at {bytes_of(disk['max_bytes'])}" if disk["max_bytes"] else ""
    lines += [("disk", ", ".join(sizes) + cap)]
    for removed in found["removed_days"]:
        why = "by the cap on the disk" if removed["reason"] == "disk_cap" else "by `spanpulse erase`"
        lines.append(("removed", f"{removed['day']} {why}: {_removed(removed)}"))
    return lines


def _removed(removed: dict[str, Any]) -> str:
    """Say what went with a day: its spans and what belongs to them, its sums, or both."""
    sums = any(table.startswith("rollup_") for table in removed["tables"])
    spans = any(not table.startswith("rollup_") for table in removed["tables"])
    what = [f"{count_of(removed['spans'])} spans with what belongs to them"] * spans + ["its sums"] * sums
    return f"{' and '.join(what)}, {bytes_of(removed['bytes'])}"
