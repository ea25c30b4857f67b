"""What the commands of a cluster's processes share: their options, and how one of them is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.settings import Settings

__all__ = ["Config", "ReadyFile", "Web", "serve_role"]

Config = Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")]
ReadyFile = Annotated[Path | None, typer.Option(help="file that gets the real addresses as JSON once it is ready")]
Web = Annotated[int | None, typer.Option(help="port of /metrics, /healthz and /readyz; 0 takes a free one")]


def serve_role(settings: Settings, kind: str, ready_file: Path | None) -> int:
    """Run the class ``kind`` of `spanpulse_stream.cluster` until it is told to stop. Raises CommandError."""
    from spanpulse_stream import cluster  # noqa: PLC0415 -- takes a second or two
    from spanpulse_stream.commands._serve import serve_process  # noqa: PLC0415

    made = getattr(cluster, kind)
    goes_on = f"nothing is lost: another `spanpulse {made.name}` goes on where it stopped"
    try:
        return serve_process(settings, ready_file, made.start, _announce(made.name), goes_on, _reasons)
    except cluster.CANNOT_START as error:
        raise CommandError(str(error)) from None


def _reasons(process: Any) -> dict[str, str]:
    """Return why a process is not ready."""
    return {each.condition.value: each.detail for each in process.health.reasons()}


def _announce(name: str) -> Callable[[Any, Console], None]:
    def announce(process: Any, console: Console) -> None:
        console.print(f"spanpulse {name} {process.version} is ready", markup=False)
        for setting, address in process.addresses.items():
            if address is not None:
                console.print(f"  {setting:10} http://{address}", markup=False)

    return announce
