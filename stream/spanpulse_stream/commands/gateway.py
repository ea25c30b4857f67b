"""Receive OTLP and write it to Kafka: a process of a cluster."""

from typing import Annotated

import typer

from spanpulse_stream.commands._roles import Config, ReadyFile, Web, serve_role
from spanpulse_stream.commands._run import run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse gateway`."""
    return run_command("gateway", _gateway, arguments)


def _gateway(
    host: Annotated[str | None, typer.Option(help="address for OTLP; any but loopback needs API keys")] = None,
    otlp_http: Annotated[int | None, typer.Option(help="port of OTLP/HTTP; 0 takes a free one")] = None,
    otlp_grpc: Annotated[int | None, typer.Option(help="port of OTLP/gRPC; 0 takes a free one")] = None,
    web: Web = None,
    ready_file: ReadyFile = None,
    config: Config = None,
) -> int:
    """Receive OTLP and write it to Kafka, until SIGTERM."""
    given = {"host": host, "otlp_http": otlp_http, "otlp_grpc": otlp_grpc, "web": web}
    return serve_role(load_settings(given, file=config).settings, "GatewayProcess", ready_file)
