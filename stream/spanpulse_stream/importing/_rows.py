"""The rows of CSV and Parquet files, with where each stands, and what is missing at the end.

A row of a wrong length, or of bytes that are no UTF-8, comes with its reason instead of values. Parquet files need
their end, which lists what is in them: half of one is no file at all.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from spanpulse_stream.importing._errors import ImportFailed, Torn
from spanpulse_stream.importing._pieces import LONGEST, Reads, split_lines
from spanpulse_stream.importing._source import Source

__all__ = ["CsvRows", "ParquetRows", "Row", "Rows"]

DELIMITERS: Final = ",;\t|"
LONGEST_FIELD: Final = 16 * 1024 * 1024
BATCH_ROWS: Final = 1024
BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number from 1, the line it begins at (0 in Parquet), its values, or the reason why there are none."""

    number: int
    line: int
    values: list[Any]
    reason: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        return f"row {self.number}" + (f", line {self.line}" if self.line else "")


class Rows(Protocol):
    """The rows of one table."""

    names: list[str]
    torn: Torn | None

    def __iter__(self) -> Iterator[Row]:
        """Give every row, once."""


class CsvRows:
    """The rows of a CSV file, whose first line names the columns; read once, from ``stream``."""

    def __init__(self, stream: Reads, name: str) -> None:
        csv.field_size_limit(LONGEST_FIELD)
        self.torn: Torn | None = None
        self._text = _Text(stream)
        first = next(self._text, "")
        mark = max(DELIMITERS, key=first.count)
        self.names = [name.strip() for name in next(csv.reader([first.removeprefix(BYTE_ORDER_MARK)], delimiter=mark))]
        if not all(self.names):
            raise ImportFailed(f"{name} has a column without a name in its first line")
        self._reader = csv.reader(self._text, delimiter=mark, strict=True)

    def __iter__(self) -> Iterator[Row]:
        """Give every row that is not blank."""
        number = 0
        while True:
            line, number = self._text.lines + 1, number + 1
            self._text.broken = ""
            try:
                values = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                if self._text.ended:
                    self.torn = Torn(f"row {number}, line {line}", f"it is not whole: {error}")
                    return
                yield Row(number, line, [], str(error))
                continue
            if values:
                yield from self._row(Row(number, line, values, self._text.broken))

    def _row(self, row: Row) -> Iterator[Row]:
        found, wanted = len(row.values), len(self.names)
        if found < wanted and self._text.ended and not self._text.whole:
            self.torn = Torn(row.place, f"it has {found} of {wanted} columns, and no end of line")
        elif found != wanted and not row.reason:
            yield Row(row.number, row.line, row.values, f"it has {found} columns, the first line has {wanted}")
        else:
            yield row


class _Text:
    """The lines of a file as text; ``broken`` says what is wrong with one that was read since it was last empty."""

    def __init__(self, stream: Reads) -> None:
        self._lines = split_lines(stream)
        self._next = next(self._lines, None)
        self.lines = 0
        self.broken = ""
        self.whole = True

    @property
    def ended(self) -> bool:
        """Whether the last line was given."""
        return self._next is None

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        if self._next is None:
            raise StopIteration
        (data, size, self.whole), self._next = self._next, next(self._lines, None)
        self.lines += 1
        if size > LONGEST:
            self.broken = f"a line has {size} bytes, more than {LONGEST}"
        try:
            return data.decode() + "\n"
        except UnicodeDecodeError as error:
            self.broken = self.broken or f"it is not UTF-8: byte {error.start} of line {self.lines}"
            return data.decode(errors="replace") + "\n"


class ParquetRows:
    """The rows of a Parquet file. Raises ImportFailed."""

    def __init__(self, source: Source) -> None:
        self.torn: Torn | None = None
        self._source = source
        try:
            self._file = pq.ParquetFile(pa.PythonFile(source, mode="r"))
        except (pa.ArrowException, OSError) as error:
            raise ImportFailed(f"{source.name} is no whole Parquet file: {error}") from None
        self.names = list(self._file.schema_arrow.names)

    def __iter__(self) -> Iterator[Row]:
        """Give every row."""
        number = 0
        try:
            for batch in self._file.iter_batches(BATCH_ROWS):
                columns = [column.to_pylist() for column in _readable(batch)]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, 0, list(values))
        except (pa.ArrowException, OSError) as error:
            self.torn = Torn(f"row {number + 1}", f"the file is damaged: {error}")


def _readable(batch: pa.RecordBatch) -> list[pa.Array]:
    """Return the columns; times of ns as numbers, which Python's own cannot hold."""
    return [column.cast(pa.int64()) if _is_nanoseconds(column.type) else column for column in batch.columns]


def _is_nanoseconds(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ns")
