"""The rows of a Parquet file, with the types that its columns have.

Such a file needs its end, which lists what is in it: half of one is no file at all. A value that its type allows and
Python does not hold (a year 33658, text that is no UTF-8) comes as `Unreadable`, alone.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from spanpulse_stream.importing._errors import ImportFailed, Torn
from spanpulse_stream.importing._rows import Row
from spanpulse_stream.importing._source import Source
from spanpulse_stream.importing._typed import Length, Moment, Unreadable

__all__ = ["ParquetRows"]

BATCH_ROWS: Final = 1024
UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
UNHELD: Final = (ValueError, OverflowError, LookupError, pa.ArrowException)


class ParquetRows:
    """The rows of a Parquet file. Raises ImportFailed."""

    def __init__(self, source: Source) -> None:
        self.torn: Torn | None = None
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
                columns = [_values(column) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, 0, list(values))
        except (pa.ArrowException, OSError) as error:
            self.torn = Torn(f"row {number + 1}", f"the file is damaged: {error}")


def _values(column: pa.Array) -> list[Any]:
    """Return the values of a column."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _counted(column, Moment, UNITS[kind.unit])
    if pa.types.is_duration(kind):
        return _counted(column, Length, UNITS[kind.unit])
    try:
        return list(column.to_pylist())
    except UNHELD:
        return [_value(value) for value in column]


def _counted(column: pa.Array, kind: type[Moment | Length], unit: int) -> list[Moment | Length | None]:
    numbers = column.cast(pa.int64()).to_pylist()
    return [None if number is None else kind(number * unit) for number in numbers]


def _value(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except UNHELD as error:
        return Unreadable(f"a {value.type} that cannot be read ({error})")
