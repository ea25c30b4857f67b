"""What the options of `spanpulse import` say about a file, and what `--dry-run` shows of one."""

import tomllib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.console import Console
from rich.table import Table

from spanpulse_stream.commands._show import plain_of
from spanpulse_stream.decode import Limits
from spanpulse_stream.importing import FORMATS, ImportFailed, MappingWanted, Options, Reading
from spanpulse_stream.log import Signal
from spanpulse_stream.settings import Settings

__all__ = ["options_of", "show_reading"]

ROWS = 3
LONGEST = 120
LARGEST_FILE = 1024 * 1024


def options_of(
    settings: Settings,
    tenant: str,
    form: str | None,
    signal: str | None,
    pairs: Sequence[str],
    file: Path | None,
) -> Options:
    """Return the options as importing has them. Raises ImportFailed for what is not understood."""
    chosen = next((known for known in FORMATS if known == form), None)
    if form is not None and chosen is None:
        raise ImportFailed(f"--format is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {form!r}")
    held: Signal | None = "traces" if signal == "traces" else "logs" if signal == "logs" else None
    if signal != held:
        raise ImportFailed(f"--signal is traces or logs, not {signal!r}")
    columns = {**_of_file(file), **dict(map(_pair, pairs))}
    limits = Limits(max_attributes=settings.max_attributes, max_depth=settings.max_depth)
    return Options(tenant, chosen, held, MappingWanted(columns), limits)


def _pair(text: str) -> tuple[str, str]:
    column, mark, name = text.rpartition("=")
    if not (mark and column and name):
        raise ImportFailed(f"--map is COLUMN=FIELD, not {text!r}")
    return column, name.strip()


def _of_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        text = path.read_bytes()[: LARGEST_FILE + 1].decode()
        found: Any = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except OSError as error:
        raise ImportFailed(f"--mapping {path}: cannot read it: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ImportFailed(f"--mapping {path}: {error}") from None
    if len(text) > LARGEST_FILE or not isinstance(found, Mapping) or not found:
        raise ImportFailed(f'--mapping {path}: lines of COLUMN: FIELD are wanted (in TOML, COLUMN = "FIELD")')
    if wrong := [column for column, name in found.items() if not isinstance(name, str)]:
        raise ImportFailed(f"--mapping {path}: the field of {wrong[0]!r} is no text")
    return {str(column): str(name) for column, name in found.items()}


def show_reading(reading: Reading, name: str, console: Console) -> None:
    """Print how a file is read: its format, its columns, and its first spans or chunk."""
    console.print(f"{plain_of(name)}: {reading.format}, would be {reading.name}", markup=False)
    if reading.table is None:
        _show_chunk(reading, console)
        return
    table = Table("column", "field", "because", box=None, pad_edge=False)
    for column in reading.table.mapping.columns:
        why = (
            "--map"
            if column.said
            else "its own name"
            if column.field and column.field.kind == "any"
            else "its usual name"
        )
        table.add_row(plain_of(column.name), column.field.name if column.field else "left out", why)
    console.print(table)
    for row, span in reading.table.first(ROWS):
        shown = span if isinstance(span, str) else orjson.dumps(span).decode()
        style = "red" if isinstance(span, str) else None
        text = shown if style else shown[: LONGEST * 8]
        console.print(f"{row.place}: {plain_of(text)}", markup=False, style=style)


def _show_chunk(reading: Reading, console: Console) -> None:
    """Print what the first chunk of OTLP holds."""
    for make in islice(reading.chunks(), 1):
        chunk = make()
        console.print(
            f"  its beginning has {chunk.records:,} records in {len(chunk.requests)} requests, "
            f"{chunk.rejected:,} of them unreadable; {chunk.metrics} pieces of metrics are not kept"
        )
        for bad in chunk.bad[:ROWS]:
            console.print(f"  {bad.place}: {plain_of(bad.reason)}", markup=False, style="red")
