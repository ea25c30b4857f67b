"""Serve the page over what is in ClickHouse: a process of a cluster."""

from typing import Annotated

import typer

from spanpulse_stream.commands._roles import Config, ReadyFile, Web, serve_role
from spanpulse_stream.commands._run import run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse dashboard`."""
    return run_command("dashboard", _dashboard, arguments)


def _dashboard(
    web_host: Annotated[str | None, typer.Option(help="address for the page; any but loopback needs a token")] = None,
    web: Web = None,
    ready_file: ReadyFile = None,
    config: Config = None,
) -> int:
    """Serve the page over what is in ClickHouse, until SIGTERM."""
    given = {"web_host": web_host, "web": web}
    return serve_role(load_settings(given, file=config).settings, "DashboardProcess", ready_file)
