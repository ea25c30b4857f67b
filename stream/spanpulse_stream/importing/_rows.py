"""The rows of a table, whatever it is stored in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from spanpulse_stream.importing._errors import Torn

__all__ = ["Row", "Rows"]


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
    """The rows of one table, and what is missing at its end."""

    names: list[str]
    torn: Torn | None

    def __iter__(self) -> Iterator[Row]:
        """Give every row, once."""
