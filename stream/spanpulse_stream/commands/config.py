"""Print the effective settings and where each came from."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from spanpulse_stream.commands._console import output_console
from spanpulse_stream.commands._run import CommandError, run_command
from spanpulse_stream.settings import Settings, load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse config`."""
    return run_command("config", _config, arguments)


def _config(
    data: Annotated[Path | None, typer.Option(help="data folder")] = None,
    config: Annotated[Path | None, typer.Option(help="configuration file (default: ./spanpulse.toml)")] = None,
) -> None:
    """Print the effective settings and where each came from."""
    loaded = load_settings({"data": data}, file=config)
    table = Table(box=None, pad_edge=False)
    for title in ("setting", "value", "from", "meaning"):
        table.add_column(title, overflow="fold")
    for name, field in Settings.model_fields.items():
        value = getattr(loaded.settings, name)
        shown = f"{len(value)} set" if name == "api_keys" else str(value)
        table.add_row(name, shown, loaded.sources[name], field.description)
    output_console().print(table)
    _check(loaded.settings)


def _check(settings: Settings) -> None:
    """Raise CommandError for values that a start would refuse."""
    from spanpulse_stream.gateway import (  # noqa: PLC0415 -- takes a second
        BindingRefused,
        InvalidKey,
        OtlpOptions,
        check_page_binding,
    )
    from spanpulse_stream.price import OverrideError, PriceBook  # noqa: PLC0415

    try:
        OtlpOptions.from_settings(settings, keys_follow=settings.clickhouse_url is not None)
        check_page_binding(settings.web_host, token=settings.web_token is not None)
        if settings.prices is not None:
            PriceBook.load(settings.prices)
    except (BindingRefused, InvalidKey, OverrideError) as error:
        raise CommandError(str(error)) from None
