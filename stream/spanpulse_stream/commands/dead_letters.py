"""Look at what could not be read, and send it again: `dead-letters list`, `show` and `replay`."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]

LEFT = 1
Reason = Annotated[str | None, typer.Option(help="of this reason alone")]
Signal = Annotated[str | None, typer.Option(help="of this signal alone: traces or logs")]
Tenant = Annotated[str | None, typer.Option(help="of this tenant alone")]
Since = Annotated[
    str | None, typer.Option(help="received since: 30m, 12h, 7d ago, 2026-01-31 or 2026-01-31T12:00 (UTC)")
]
Data = Annotated[Path | None, typer.Option(help="data folder")]
Config = Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]


def run(arguments: list[str]) -> int:
    """Run `spanpulse dead-letters`."""
    commands: dict[str, Callable[..., int | None]] = {"list": _list, "show": _show, "replay": _replay}
    first = arguments[0] if arguments else "--help"
    if first in commands:
        return run_command(f"dead-letters {first}", commands[first], arguments[1:])
    if first not in ("-h", "--help", "help"):
        print(f"spanpulse dead-letters: no command {first!r}", file=sys.stderr)  # noqa: T201
    lines = (f"  {name:<8}{(command.__doc__ or '').splitlines()[0]}" for name, command in commands.items())
    usage = ["usage: spanpulse dead-letters COMMAND [OPTION ...]", "", *lines, "", "Each explains itself with --help."]
    print("\n".join(usage))  # noqa: T201
    return 0 if first in ("-h", "--help", "help") else 2


def _list(
    reason: Reason = None,
    signal: Signal = None,
    tenant: Tenant = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="at most so many")] = 50,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> int:
    """List dead letters, the newest first."""
    settings = load_settings({"data": data}, file=config).settings
    from spanpulse_stream.commands._letters import listed  # noqa: PLC0415 -- takes half a second
    from spanpulse_stream.commands._letters_shown import list_as_json, show_list  # noqa: PLC0415

    asked = {"reason": reason, "signal": signal, "tenant": tenant, "since": since}
    found = listed(settings, asked, limit)
    if as_json:
        print(json.dumps(list_as_json(found), indent=2))  # noqa: T201 -- what was asked for
    else:
        show_list(found, limit, output_console())
    return 0


def _show(
    position: Annotated[str, typer.Argument(metavar="POSITION", help="source/offset/ordinal, as list shows it")],
    raw: Annotated[Path | None, typer.Option(help="file to write the bytes to, as they came")] = None,
    data: Data = None,
    config: Config = None,
) -> int:
    """Show a dead letter with its bytes."""
    settings = load_settings({"data": data}, file=config).settings
    from spanpulse_stream.commands._letters import one_letter  # noqa: PLC0415 -- takes half a second
    from spanpulse_stream.commands._letters_shown import show_letter  # noqa: PLC0415

    letter = one_letter(settings, position)
    if raw is None:
        show_letter(letter, output_console())
        return 0
    try:
        raw.write_bytes(letter.data or b"")
    except OSError as error:
        raise CommandError(f"{raw}: {error.strerror}") from None
    print(f"{raw}: {letter.size} bytes", file=sys.stderr)  # noqa: T201
    return 0


def _replay(
    positions: Annotated[list[str] | None, typer.Argument(metavar="POSITION...", help="single letters")] = None,
    reason: Reason = None,
    signal: Signal = None,
    tenant: Tenant = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="all letters")] = False,
    again: Annotated[bool, typer.Option("--again", help="also letters that were sent again before")] = False,
    rest_of: Annotated[str | None, typer.Option("--run", help="go on with a run that was interrupted")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be sent, send nothing")] = False,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> int:
    """Send dead letters again, those that this version may be able to read.

    Each is sent once, and not again by a later run. What cannot be read this time either becomes a new dead letter.
    Exit code 1 says that some were left out.
    """
    settings = load_settings({"data": data}, file=config).settings
    from spanpulse_stream.commands._letters import replayed  # noqa: PLC0415 -- takes half a second
    from spanpulse_stream.commands._letters_shown import show_report  # noqa: PLC0415
    from spanpulse_stream.letters import Asked  # noqa: PLC0415
    from spanpulse_stream.operations import MaintenanceError  # noqa: PLC0415

    filters = {"reason": reason, "signal": signal, "tenant": tenant, "since": since, "positions": positions or []}
    asked: dict[str, Any] = {**filters, "all": everything, "again": again, "run": rest_of, "dry_run": dry_run}
    try:
        Asked.parse(asked, datetime.now(UTC))  # before anything is opened or waited for
    except MaintenanceError as error:
        raise CommandError(str(error)) from None
    report = replayed(settings, asked)
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201 -- what was asked for
    else:
        show_report(report, output_console())
    return LEFT if report["left_out"] or report["gone"] or report["more"] else 0
