"""Which column of a table is which field of a span: as it was said, else as the columns are usually named.

A column that is none of them becomes an attribute under its own name, so that nothing is left out unseen. A mapping
that names what is not there, or leaves a span without a time, is an error that says what there is.
"""

import difflib
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from spanpulse_stream.importing._errors import ImportFailed
from spanpulse_stream.importing._fields import FIELDS, IGNORED, Field, by_usual_name, field_named

__all__ = ["Column", "Mapping", "MappingWanted", "NoSuchColumn", "map_columns"]

MOST_NAMED: Final = 40


class NoSuchColumn(ImportFailed):
    """A mapping does not fit the table; the message says which columns and fields there are."""


@dataclass(frozen=True, slots=True)
class MappingWanted:
    """What was said: the field of each column by its name, IGNORED for one that is to be left out."""

    columns: Dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its place, its name, and the field it is; None for one that is left out. ``said`` by a person."""

    place: int
    name: str
    field: Field | None
    said: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """The columns of a table, in its order."""

    columns: tuple[Column, ...]

    def has(self, *names: str) -> bool:
        """Tell whether a column is one of these fields."""
        return any(column.field and column.field.name in names for column in self.columns)

    def plain(self) -> list[list[str]]:
        """Return (column, field) as text, for a digest."""
        return [[column.name, column.field.name if column.field else IGNORED] for column in self.columns]


def map_columns(names: Sequence[str], wanted: MappingWanted) -> Mapping:
    """Return what each column is. Raises NoSuchColumn."""
    _check(names, wanted)
    said = {column: _field(column, name) for column, name in wanted.columns.items()}
    taken = {found.name for found in said.values() if found}
    columns = []
    for place, name in enumerate(names):
        if name in said:
            columns.append(Column(place, name, said[name], said=True))
            continue
        usual = by_usual_name(name)
        if usual is None or usual.name in taken:
            usual = Field(name, "any")
        taken.add(usual.name)
        columns.append(Column(place, name, usual))
    mapping = Mapping(tuple(columns))
    if not mapping.has("start_time", "end_time"):
        raise NoSuchColumn(
            f"no column is the time of a span; name it with --map COLUMN=start_time (or end_time). {_listed(names)}"
        )
    return mapping


def _check(names: Sequence[str], wanted: MappingWanted) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise NoSuchColumn(f"the table has several columns {', '.join(map(repr, doubled))}; give each its own name")
    for column in wanted.columns:
        if column not in names:
            raise NoSuchColumn(f"there is no column {column!r}{_like(column, names)}. {_listed(names)}")
    fields = [name for name in wanted.columns.values() if name != IGNORED]
    if twice := sorted({name for name in fields if fields.count(name) > 1}):
        raise NoSuchColumn(f"several columns are mapped to {', '.join(twice)}; a field has one column")


def _field(column: str, name: str) -> Field | None:
    if name == IGNORED:
        return None
    found = field_named(name)
    if found is None:
        raise NoSuchColumn(
            f"{column!r} is mapped to {name!r}, which is no field{_like(name, list(FIELDS))}; the fields are "
            f"{', '.join(FIELDS)}, any other attribute's name with a dot in it, and {IGNORED} to leave a column out"
        )
    return found


def _like(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, 1)
    return f" (is {close[0]!r} meant?)" if close else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"The columns are: {', '.join(names[:MOST_NAMED])}{more}"
