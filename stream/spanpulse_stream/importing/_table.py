"""A table to import: its columns, what each becomes, and its rows as chunks of OTLP requests."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from typing import Any, Final

from spanpulse_stream.decode import values_to_protobuf
from spanpulse_stream.importing._build import Builder
from spanpulse_stream.importing._chunk import Chunk, Request
from spanpulse_stream.importing._columns import Mapping, MappingWanted, map_columns
from spanpulse_stream.importing._csv import CsvRows
from spanpulse_stream.importing._detect import Format
from spanpulse_stream.importing._errors import ImportFailed, Torn
from spanpulse_stream.importing._parquet import ParquetRows
from spanpulse_stream.importing._pieces import CHUNK_BYTES, Reads
from spanpulse_stream.importing._rows import Row, Rows
from spanpulse_stream.importing._source import Source
from spanpulse_stream.importing._spans import ResourceKey, Spans
from spanpulse_stream.importing._typed import BadValue, text_of

__all__ = ["Table", "open_table"]

CHUNK_ROWS: Final = 2000
SCOPE: Final = {"name": "spanpulse.import"}

Made = tuple[ResourceKey, dict[str, Any]]


def open_table(source: Source, kind: Format, stream: Reads, wanted: MappingWanted) -> "Table | None":
    """Return the table that a file is, None for one of OTLP. Raises ImportFailed."""
    if kind == "csv":
        return Table(CsvRows(stream, source.name), wanted, source.sha256)
    if kind == "parquet":
        if stream is not source:
            raise ImportFailed(f"{source.name} is Parquet that was compressed again; decompress it first")
        return Table(ParquetRows(source), wanted, source.sha256)
    if wanted.columns:
        raise ImportFailed(f"{source.name} is {kind}, which has no columns to map")
    return None


class Table:
    """The rows of a table, each a span."""

    def __init__(self, rows: Rows, wanted: MappingWanted, sha256: str) -> None:
        self._rows = rows
        self.mapping: Mapping = map_columns(rows.names, wanted)
        self._spans = Spans(self.mapping, sha256)

    @property
    def torn(self) -> Torn | None:
        """What is missing at the end; known when all chunks were given."""
        return self._rows.torn

    def first(self, count: int) -> list[tuple[Row, dict[str, Any] | str]]:
        """Return the first rows with their spans in OTLP's JSON, or why they have none. The rows are gone then."""
        found: list[tuple[Row, dict[str, Any] | str]] = []
        for row in islice(iter(self._rows), count):
            try:
                found.append((row, self._span(row)[1]))
            except BadValue as error:
                found.append((row, str(error)))
        return found

    def chunks(self, builder: Callable[[int], Builder]) -> Iterator[Callable[[], Chunk]]:
        """Give, chunk by chunk, what makes it."""
        for number, rows in enumerate(_chunked(self._rows)):
            yield partial(self._build, builder(number), rows)

    def _span(self, row: Row) -> Made:
        if row.reason:
            raise BadValue(row.reason)
        return self._spans.of(row)

    def _build(self, builder: Builder, rows: list[Row]) -> Chunk:
        made: list[tuple[Row, Made]] = []
        for row in rows:
            try:
                made.append((row, self._span(row)))
            except BadValue as error:
                builder.reject(row.place, str(error), _source(row))
        for resource, group in groupby(made, lambda each: each[1][0]):
            self._add(builder, resource, list(group))
        return builder.finish()

    def _add(self, builder: Builder, resource: ResourceKey, made: list[tuple[Row, Made]]) -> None:
        """Add the spans of one resource as a request."""
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource]
        scoped = {"scope": SCOPE, "spans": [span for _, (_, span) in made]}
        request = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [scoped]}]}
        body = values_to_protobuf(request, "traces")
        builder.add(Request("traces", body), f"{made[0][0].place} to {made[-1][0].place}", b"")


def _chunked(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Give the rows in chunks, of bounded number and size; where one ends is a function of the rows alone."""
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += sum(len(value) for value in row.values if isinstance(value, str | bytes | list))
        if len(held) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _source(row: Row) -> bytes:
    return "\t".join(text_of(value) for value in row.values).encode(errors="replace")
