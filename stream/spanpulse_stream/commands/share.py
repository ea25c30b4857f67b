"""Share prices, API keys or settings with all processes of a cluster; or show what is shared."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._roles import Config
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from spanpulse_stream.cluster import Kind

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse share`."""
    return run_command("share", _share, arguments)


def _share(
    kind: Annotated[str | None, typer.Argument(help="prices, keys or settings; none: show what is shared")] = None,
    file: Annotated[Path | None, typer.Argument(help="YAML of prices, a line a key, or TOML of settings")] = None,
    config: Config = None,
) -> int:
    """Import a file, in force for all processes of the cluster within seconds; or show what is.

    Of keys only hashes are stored. Older imports stay: batches that were claimed under them are replayed under them.
    """
    settings = load_settings(file=config).settings
    from spanpulse_stream.cluster import CANNOT_START, KINDS, checked_text  # noqa: PLC0415 -- takes a second or two

    try:
        if kind is None:
            return asyncio.run(_list(settings))
        if file is None or kind not in KINDS:
            raise CommandError(f"say what to share and where it is: spanpulse share {'|'.join(KINDS)} FILE")
        return asyncio.run(_import(settings, kind, checked_text(kind, file)))
    except (*CANNOT_START, SettingsError) as error:
        raise CommandError(str(error)) from None


async def _import(settings: Settings, kind: "Kind", text: str) -> int:
    from spanpulse_stream.cluster import Shared, connect_server  # noqa: PLC0415

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    database = await connect_server(settings, lambda line: console.print(f"{line} ...", markup=False))
    try:
        version = Shared(database).next_version(kind, time.time_ns() // 1_000_000)
        row = Shared.add(database, kind, text, version)
    finally:
        database.close()
    console.print(f"{kind} version {row.version} is in force within seconds", markup=False)
    return 0


async def _list(settings: Settings) -> int:
    from spanpulse_stream.cluster import Shared, connect_server  # noqa: PLC0415

    database = await connect_server(settings, lambda _line: None)
    try:
        rows = Shared(database).newest()
    finally:
        database.close()
    table = Table("kind", "version", "imported", "by", "lines")
    for row in rows.values():
        at = datetime.fromtimestamp(row.version / 1000, UTC).isoformat(timespec="seconds")
        table.add_row(row.kind, str(row.version), at, row.imported_by, str(len(row.text.splitlines())))
    output_console().print(table if rows else "nothing is shared: each process has its own settings and prices")
    return 0
