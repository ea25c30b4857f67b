"""The rows of a CSV file, with where each stands, and what is missing at the end.

A row of a wrong length, of bytes that are no UTF-8, or with a field that is too large comes with its reason instead of
values. Not guaranteed: where the row behind one with broken quotes begins; it is taken to be the next line.
"""

import csv
import re
from collections.abc import Iterator
from typing import Final

from spanpulse_stream.importing._errors import ImportFailed, Torn
from spanpulse_stream.importing._pieces import LONGEST, Reads, split_lines
from spanpulse_stream.importing._rows import Row

__all__ = ["CsvRows"]

DELIMITERS: Final = ",;\t|"
LONGEST_FIELD: Final = 16 * 1024 * 1024
BYTE_ORDER_MARK: Final = "\ufeff"
QUOTED: Final = re.compile(r'"[^"]*("|$)')
TOO_LARGE: Final = "field larger than field limit"
LONE_RETURN: Final = "new-line character seen in unquoted field"
TOLD: Final = {
    TOO_LARGE: f"it has a field of more than {LONGEST_FIELD} characters",
    LONE_RETURN: "it has a carriage return outside of quotes",
}


class CsvRows:
    """The rows of a CSV file, whose first row names the columns; read once, from ``stream``. Raises ImportFailed."""

    def __init__(self, stream: Reads, name: str) -> None:
        csv.field_size_limit(LONGEST_FIELD)
        self.torn: Torn | None = None
        self._text = _Text(stream)
        plain = QUOTED.sub("", self._text.first)
        self._reader = csv.reader(self._text, delimiter=max(DELIMITERS, key=plain.count), strict=True)
        self.names = self._named(name)

    def _named(self, name: str) -> list[str]:
        try:
            names = [column.strip() for column in next(self._reader, [])]
        except csv.Error as error:
            if str(error).startswith(LONE_RETURN):
                raise ImportFailed(
                    f"the lines of {name} end in carriage returns alone; convert it: tr '\\r' '\\n' < {name}"
                ) from None
            raise ImportFailed(f"the first row of {name} names no columns: {_told(error)}") from None
        if self._text.broken:
            raise ImportFailed(f"the first row of {name} names no columns: {self._text.broken}")
        if not all(names):
            raise ImportFailed(f"{name} has a column without a name in its first row")
        return names

    def __iter__(self) -> Iterator[Row]:
        """Give every row that is not blank."""
        number = 0
        while True:
            line, number = self._text.begin(), number + 1
            try:
                values = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                if str(error).startswith(TOO_LARGE):
                    self._text.skip_quoted()
                if self._text.cut:
                    self.torn = Torn(f"row {number}, line {line}", f"it is not whole: {_told(error)}")
                    return
                yield Row(number, line, [], _told(error))
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
    """The lines of a file as text; ``broken`` says what is wrong with one that was read since a row began."""

    def __init__(self, stream: Reads) -> None:
        self._lines = split_lines(stream)
        self._next = next(self._lines, None)
        self._quotes = 0
        self.lines = 0
        self.broken = ""
        self.whole = True

    @property
    def first(self) -> str:
        """The first line, before any was given."""
        return self._next[0].decode(errors="replace") if self._next else ""

    @property
    def ended(self) -> bool:
        """Whether the last line was given."""
        return self._next is None

    @property
    def cut(self) -> bool:
        """Whether the file ends within this row."""
        return self.ended and (not self.whole or self._quotes % 2 == 1)

    def begin(self) -> int:
        """Begin a row, and return its line."""
        self.broken, self._quotes = "", 0
        return self.lines + 1

    def skip_quoted(self) -> None:
        """Read on to the end of the quotes that are open in this row."""
        while self._quotes % 2 and not self.ended:
            next(self)

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        if self._next is None:
            raise StopIteration
        (data, size, self.whole), self._next = self._next, next(self._lines, None)
        self.lines += 1
        self._quotes += data.count(b'"')
        if size > LONGEST:
            self.broken = f"a line has {size} bytes, more than {LONGEST}"
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self.broken = self.broken or f"it is not UTF-8: byte {error.start} of line {self.lines}"
            text = data.decode(errors="replace")
        return (text.removeprefix(BYTE_ORDER_MARK) if self.lines == 1 else text) + "\n"


def _told(error: csv.Error) -> str:
    return next((told for begin, told in TOLD.items() if str(error).startswith(begin)), str(error))
