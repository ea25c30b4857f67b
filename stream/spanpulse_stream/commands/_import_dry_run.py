"""What `spanpulse import --dry-run` shows of a file: its format, its columns, and its first rows or chunk."""

from itertools import islice

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanpulse_stream.commands._show import plain_of
from spanpulse_stream.importing import Chunk, Column, Reading, Row

__all__ = ["show_reading"]

ROWS = 3
LONGEST = 960


def show_reading(reading: Reading, name: str, console: Console) -> bool:
    """Print how a file is read, and return whether all that was looked at can be."""
    console.print(f"{plain_of(name)}: {reading.format}, would be {reading.name}", markup=False)
    if reading.table is None:
        chunks = [_show_chunk(make(), console) for make in islice(reading.chunks(), 1)]
        return all(chunks) and _is_whole(reading, console)
    table = Table("column", "field", "because", box=None, pad_edge=False)
    for column in reading.table.mapping.columns:
        table.add_row(*map(_text, _row_of(column)))
    console.print(table)
    rows = [_show_row(row, span, console) for row, span in reading.table.first(ROWS)]
    return all(rows) and _is_whole(reading, console)


def _is_whole(reading: Reading, console: Console) -> bool:
    """Tell whether what was looked at ends as it should, and say where it does not."""
    if torn := reading.torn:
        console.print(f"not read from {torn.place} on: {plain_of(torn.reason)}", style="red", markup=False)
    return reading.torn is None


def _text(words: str) -> Text:
    return Text(plain_of(words))


def _row_of(column: Column) -> tuple[str, str, str]:
    if column.said:
        why = "--map"
    else:
        why = "its own name" if column.field and column.field.kind == "any" else "its usual name"
    return column.name, column.field.name if column.field else "left out", why


def _show_row(row: Row, span: dict[str, object] | str, console: Console) -> bool:
    bad = isinstance(span, str)
    text = span if isinstance(span, str) else orjson.dumps(span).decode()[:LONGEST]
    console.print(f"{row.place}: {plain_of(text)}", markup=False, style="red" if bad else None)
    return not bad


def _show_chunk(chunk: Chunk, console: Console) -> bool:
    """Print what the first chunk of OTLP holds."""
    console.print(
        f"  its beginning has {chunk.records:,} records in {len(chunk.requests)} requests, "
        f"{chunk.rejected:,} of them unreadable; {chunk.metrics} pieces of metrics are not kept"
    )
    for bad in [*chunk.bad, *chunk.refused][:ROWS]:
        console.print(f"  {bad.place}: {plain_of(bad.reason)}", markup=False, style="red")
    return not chunk.rejected
