"""Make what a cluster needs, in Kafka and ClickHouse; may be repeated."""

import asyncio

from rich.console import Console

from spanpulse_stream.commands._roles import Config
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse init`."""
    return run_command("init", _init, arguments)


def _init(config: Config = None) -> int:
    """Make the topics of Kafka and the tables of ClickHouse where they are missing. May be repeated."""
    settings = load_settings(file=config).settings
    from spanpulse_stream.cluster import CANNOT_START, prepare  # noqa: PLC0415 -- takes a second or two

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        done = asyncio.run(prepare(settings, lambda line: console.print(f"{line} ...", markup=False)))
    except CANNOT_START as error:
        raise CommandError(str(error)) from None
    for line in done:
        console.print(line, markup=False)
    return 0
