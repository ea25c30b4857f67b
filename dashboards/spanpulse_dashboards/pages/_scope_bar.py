"""The bar above every list: the time range, the filters that are set, and the addresses that change them.

Everything is a link, so that the address is the state and the back button undoes a step. Not guaranteed: that a link's
filter value has data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from spanpulse_dashboards._period import PRESETS, Period
from spanpulse_dashboards._scope import FILTERS, Scope

__all__ = ["FILTER_NAMES", "Chip", "Link", "ScopeBar", "scope_bar"]

FILTER_NAMES = {name: name.replace("_", " ") for name in FILTERS}


@dataclass(frozen=True, slots=True)
class Link:
    """A choice: its name, the address that makes it, whether it is made."""

    name: str
    href: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the address without it."""

    name: str
    value: str
    href: str


@dataclass(frozen=True, slots=True)
class ScopeBar:
    """What templates/scope_bar.html shows."""

    presets: Sequence[Link]
    absolute: bool
    start: str
    end: str
    path: str
    kept: Sequence[tuple[str, str]]
    """Parameters that the form of an absolute range keeps."""
    compare: Link | None
    chips: Sequence[Chip]
    choose: str
    """Address of the list of filter values."""
    clear: str | None


def scope_bar(
    scope: Scope,
    *,
    path: str,
    root: str,
    start: datetime,
    end: datetime,
    more: Mapping[str, str] | None = None,
    compares: bool = True,
) -> ScopeBar:
    """Return the bar of a page at ``path``; ``more`` are parameters of its own, which stay as they are."""
    more = more or {}

    def href(changed: Scope) -> str:
        return address(root + path, changed, more)

    chips = [
        Chip(FILTER_NAMES[name], value, href(scope.widened(name, value)))
        for name, values in scope.filters
        for value in values
    ]
    kept = [(name, value) for name, value in scope.pairs() if name not in ("range", "from", "to")]
    flipped = replace(scope, compare=not scope.compare)
    return ScopeBar(
        presets=[Link(name, href(scope.within(name)), scope.period == name) for name in PRESETS],
        absolute=isinstance(scope.period, Period),
        start=f"{start:%Y-%m-%dT%H:%M:%SZ}",
        end=f"{end:%Y-%m-%dT%H:%M:%SZ}",
        path=root + path,
        kept=[*kept, *more.items()],
        compare=Link("Compare", href(flipped), scope.compare) if compares else None,
        chips=chips,
        choose=address(f"{root}/filters", scope, {**more, "page": path}),
        clear=href(replace(scope, filters=())) if len(chips) > 1 else None,
    )


def address(path: str, scope: Scope, more: Mapping[str, str]) -> str:
    """Return the address of a page in a scope."""
    query = urlencode([*scope.pairs(), *more.items()])
    return f"{path}?{query}" if query else path
