"""Run a query on a data folder's database, whether spanpulse runs on it or not."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from spanpulse_stream.commands._folder import folder_settings
from spanpulse_stream.commands._query import query_folder
from spanpulse_stream.commands._run import CommandError, run_command

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse sql`."""
    return run_command("sql", _sql, arguments)


def _sql(
    query: Annotated[str, typer.Argument(help="one statement that reads; SHOW TABLES lists tables and views")],
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    output_format: Annotated[
        str | None, typer.Option("--format", help="a ClickHouse output format, such as JSONEachRow or CSVWithNames")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> None:
    """Run QUERY on the database of a data folder and print its result.

    QUERY is one SELECT, WITH, SHOW, DESCRIBE, EXISTS or EXPLAIN. It changes nothing and reads nothing but the database:
    INSERT, INTO OUTFILE, file(), url() and their like are refused, and settings other than those that shape a result.
    """
    _check_unicode(query)
    settings = folder_settings(data, config, "ask the server itself, with clickhouse-client for example")
    chosen = output_format or ("PrettyCompactMonoBlock" if sys.stdout.isatty() else "TabSeparatedWithNames")
    sys.stdout.buffer.write(query_folder(settings, query, chosen))
    sys.stdout.flush()


def _check_unicode(query: str) -> None:
    """Raise CommandError where the command line's bytes were no text."""
    try:
        query.encode()
    except UnicodeEncodeError:
        raise CommandError("the query is no valid UTF-8") from None
