"""The state of a page, which its URL holds whole: a time range, whether to compare, filters.

One immutable `Scope` is read from the query of a page or of the API, and written back in one canonical form, so that
equal scopes are equal texts. A filter is repeated for "any of these"; different filters must all hold; an empty value
means what has none. Whatever is not understood is a `ScopeError`. Not guaranteed: that a filter's value exists.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from urllib.parse import urlencode

from spanpulse_dashboards._period import (
    DEFAULT_RANGE,
    PRESETS,
    Period,
    PeriodError,
    Window,
    read_time,
    text_of,
    window_of,
)

__all__ = ["FILTERS", "Scope", "ScopeError"]

FILTERS = (
    *("tenant", "service", "environment", "provider", "model", "prompt", "prompt_version"),
    *("user", "session"),
)
"""The filters, in the order in which a URL has them."""
OWN = ("range", "from", "to", "compare", *FILTERS)
MOST_VALUES = 50
LONGEST_VALUE = 1024
QUARTER = 900
COMPARE = {"1": True, "true": True, "0": False, "false": False}


class ScopeError(ValueError):
    """A parameter is unknown, or its value is not understood; ``parameter`` names it."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Scope:
    """What a page shows: ``period`` is the name of a preset or an absolute range; ``filters`` are (name, values)."""

    period: str | Period = DEFAULT_RANGE
    compare: bool = True
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]], *, also: Collection[str] = ()) -> Self:
        """Read the parameters of a query; those named in ``also`` are somebody else's. Raises ScopeError."""
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            if name in OWN:
                given.setdefault(name, []).append(value)
            elif name not in also:
                raise ScopeError(name, f"there is no parameter {name[:40]!r}{_hint(name, [*OWN, *also])}")
        compare = _once(given, "compare") or "1"
        if compare not in COMPARE:
            raise ScopeError("compare", f"compare is 1 or 0, not {compare[:40]!r}")
        filters = {name: given[name] for name in FILTERS if name in given}
        return cls(_period(given), COMPARE[compare]).filtered(filters)

    def filtered(self, filters: Mapping[str, Iterable[str]]) -> Self:
        """Return the scope with these filters instead of its own. Raises ScopeError."""
        found = {name: tuple(sorted(set(values))) for name, values in filters.items()}
        for name, values in found.items():
            _check(name, values)
        return replace(self, filters=tuple((name, found[name]) for name in FILTERS if found.get(name)))

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that a filter allows, sorted; () where it is not set."""
        return dict(self.filters).get(name, ())

    def narrowed(self, name: str, value: str) -> Self:
        """Return the scope with a filter set to this one value, as after a click. Raises ScopeError."""
        return self.filtered({**dict(self.filters), name: (value,)})

    def widened(self, name: str, value: str) -> Self:
        """Return the scope without this value of a filter."""
        rest = tuple(each for each in self.values(name) if each != value)
        return self.filtered({**dict(self.filters), name: rest})

    def within(self, period: str | Period) -> Self:
        """Return the scope over another range. Raises ScopeError."""
        if isinstance(period, str) and period not in PRESETS:
            raise ScopeError("range", f"there is no range {period[:40]!r}; choose one of {', '.join(PRESETS)}")
        return replace(self, period=period)

    def window(self, now: datetime) -> Window:
        """Return what the range means at ``now``; with a user, whose figures are kept by quarter of an hour, wider."""
        return window_of(self.period, now, at_least=QUARTER if self.values("user") else 60)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the parameters in canonical order, without those that are as by default."""
        found: list[tuple[str, str]] = []
        if isinstance(self.period, Period):
            found += [("from", text_of(self.period.start)), ("to", text_of(self.period.end))]
        elif self.period != DEFAULT_RANGE:
            found.append(("range", self.period))
        if not self.compare:
            found.append(("compare", "0"))
        return found + [(name, value) for name, values in self.filters for value in values]

    def to_query(self) -> str:
        """Return the query of a URL, without its question mark; `Scope.parse` of it is this scope."""
        return urlencode(self.pairs())


def _period(given: Mapping[str, list[str]]) -> str | Period:
    named, start, end = (_once(given, name) for name in ("range", "from", "to"))
    if named is not None:
        if start is not None or end is not None:
            raise ScopeError("range", "give either range, or from and to")
        if named not in PRESETS:
            raise ScopeError("range", f"there is no range {named[:40]!r}; choose one of {', '.join(PRESETS)}")
        return named
    if start is None and end is None:
        return DEFAULT_RANGE
    if start is None or end is None:
        missing = "from" if start is None else "to"
        raise ScopeError(missing, f"{missing} is missing: an absolute range has from and to")
    try:
        return Period.between(_time("from", start), _time("to", end))
    except PeriodError as error:
        raise ScopeError("to", str(error)) from None


def _time(parameter: str, text: str) -> datetime:
    try:
        return read_time(text)
    except PeriodError as error:
        raise ScopeError(parameter, f"{parameter}: {error}") from None


def _once(given: Mapping[str, list[str]], name: str) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        raise ScopeError(name, f"{name} is given {len(values)} times")
    return values[0] if values else None


def _check(name: str, values: tuple[str, ...]) -> None:
    if name not in FILTERS:
        raise ScopeError(name, f"there is no filter {name[:40]!r}{_hint(name, FILTERS)}")
    if len(values) > MOST_VALUES:
        raise ScopeError(name, f"{name} has {len(values)} values, the most is {MOST_VALUES}")
    for value in values:
        if len(value.encode("utf-8", "surrogatepass")) > LONGEST_VALUE:
            raise ScopeError(name, f"a value of {name} has more than {LONGEST_VALUE} bytes")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ScopeError(name, f"a value of {name} is no valid Unicode")


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name[:40], known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
