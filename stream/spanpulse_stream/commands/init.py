"""Make what a cluster needs, in Kafka and ClickHouse; may be repeated."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from spanpulse_stream.commands._roles import Config
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse init`."""
    return run_command("init", _init, arguments)


LowerRetention = Annotated[
    bool,
    typer.Option("--lower-retention", help="also where Kafka keeps messages longer than kafka_retention says now"),
]

ReplaceLog = Annotated[
    bool,
    typer.Option(
        "--replace-log",
        help="have the database belong to the prefix, group and Kafka of these settings; with all workers stopped",
    ),
]


def _init(lower_retention: LowerRetention = False, replace_log: ReplaceLog = False, config: Config = None) -> int:
    """Make the topics of Kafka and the tables of ClickHouse where they are missing. May be repeated."""
    settings = load_settings(file=config).settings
    from spanpulse_stream.cluster import CANNOT_START, prepare  # noqa: PLC0415 -- takes a second or two

    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def said(line: str) -> None:
        console.print(f"{line} ...", markup=False)

    try:
        done = asyncio.run(prepare(settings, said, lower_retention=lower_retention, replace_log=replace_log))
    except CANNOT_START as error:
        raise CommandError(str(error)) from None
    for line in done:
        console.print(line, markup=False)
    return 0
