"""The smaller pages as templates want them: filter values, unpriced models, the counts of completeness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import yaml

from spanpulse_dashboards._models import Facets, UnpricedModels
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards._state import Completeness
from spanpulse_dashboards.pages import _numbers
from spanpulse_dashboards.pages._numbers import Shown
from spanpulse_dashboards.pages._render import Health
from spanpulse_dashboards.pages._scope_bar import FILTER_NAMES, address

__all__ = ["counts", "facet_lists", "health_of", "override_yaml", "unpriced_rows", "verdict"]

LONGEST_LIST = 50
LONGEST_LINE = 100_000
OPEN_PRICES = ("input:  # USD per million tokens", "output:  # USD per million tokens")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter, and the address of the page narrowed to it."""

    name: str
    href: str
    requests: Shown
    current: bool


@dataclass(frozen=True, slots=True)
class FacetList:
    """The values of one filter."""

    name: str
    values: Sequence[Choice]
    more: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model without a price."""

    name: str
    provider: str
    requests: int
    input_tokens: int
    output_tokens: int
    first: datetime
    last: datetime
    href: str


@dataclass(frozen=True, slots=True)
class Count:
    """One line of the completeness box; ``share`` is of what was accepted."""

    key: str
    name: str
    meaning: str
    value: Shown
    share: float | None
    bad: bool


MEANINGS = (
    ("offered", "Offered", "accepted, and refused since the start"),
    ("accepted", "Accepted", "durable in the log; the sender was told so"),
    ("stored", "Stored", "in the database"),
    ("duplicate", "Duplicate", "sent again; stored once"),
    ("dead_lettered", "Dead letters", "not readable, kept with the reason"),
    ("filtered", "Filtered", "left out by the setting keep"),
    ("pending", "Pending", "accepted, not processed yet"),
    ("unjoined", "Unjoined", "stored, too late to be joined with what they belong to"),
    ("refused", "Refused", "answered with an error since the start; the sender knows"),
    ("unaccounted", "Unaccounted", "accepted and not found again: must be 0"),
)
SHARES = {"stored", "duplicate", "dead_lettered", "filtered", "pending"}
VERDICTS = {
    "complete": ("good", "Complete", "Everything that was accepted is accounted for and stored."),
    "unreadable": ("warn", "Dead letters", "{} could not be read: see the dead letters."),
    "arriving": ("warn", "Arriving", "Everything is accounted for; some of it is still on its way into the database."),
    "troubled": ("bad", "Trouble", "The process has trouble; what was accepted is safe in the log."),
    "incomplete": ("bad", "Incomplete", "Accepted records are missing. spanpulse audit finds the minute."),
}
EXPIRED = "Everything that was accepted is accounted for. {} could not be read, longer ago than dead letters are kept."


def facet_lists(facets: Facets, scope: Scope, path: str, more: Mapping[str, str]) -> list[FacetList]:
    """Return the choices of every filter, as addresses of the page at ``path``."""
    return [
        FacetList(
            FILTER_NAMES.get(facet.name, facet.name),
            [
                Choice(
                    value.value,
                    address(path, scope.narrowed(facet.name, value.value), more),
                    _numbers.count(value.requests, "requests"),
                    value.value in scope.values(facet.name),
                )
                for value in facet.values[:LONGEST_LIST]
            ],
            facet.more or len(facet.values) > LONGEST_LIST,
            facet.reason,
        )
        for facet in facets.facets
    ]


def unpriced_rows(found: UnpricedModels, scope: Scope, path: str) -> list[Unpriced]:
    """Return the models without a price, each with the address of the overview narrowed to it."""
    return [
        Unpriced(
            each.model, each.provider, each.requests, each.input_tokens, each.output_tokens, each.first, each.last,
            address(path, scope.narrowed("model", each.model), {}),
        )
        for each in found.models
    ]  # fmt: skip


def override_yaml(found: UnpricedModels) -> str:
    """Return the file of price overrides for these models. Prices are left open: a 0 would be taken for one."""
    entries = [
        {"provider": each.provider, "model": each.model} if each.provider else {"model": each.model}
        for each in found.models
        if each.model
    ]
    lines = ["prices:"]
    for entry in entries:
        named = yaml.safe_dump(entry, sort_keys=False, width=LONGEST_LINE).splitlines()
        lines += [f"{'  - ' if not at else '    '}{line}" for at, line in enumerate([*named, *OPEN_PRICES])]
    return "\n".join(lines) + "\n"


def counts(state: Completeness) -> list[Count]:
    """Return the lines of the completeness box."""
    values = state.counts.model_dump()
    accepted = values["accepted"]
    return [
        Count(
            key, name, meaning, Shown(f"{values[key]:,}", f"{values[key]:,} records"),
            values[key] / accepted if key in SHARES and accepted else None,
            bad=key == "unaccounted" and values[key] != 0,
        )
        for key, name, meaning in MEANINGS
    ]  # fmt: skip


def verdict(state: Completeness) -> tuple[str, str]:
    """Return the verdict in words: a title and a sentence."""
    health = health_of(state)
    return health.text, health.detail


def health_of(state: Completeness) -> Health:
    """Return the dot of the bar."""
    tone, title, detail = VERDICTS[state.verdict]
    if state.verdict == "arriving":
        pending, age = _numbers.count(state.counts.pending).text, _numbers.milliseconds(state.lag_seconds * 1000).text
        detail = f"{pending} records are on their way, the oldest {age} old."
    elif state.verdict == "unreadable":
        detail = detail.format(_records(state.counts.dead_lettered))
    elif state.verdict == "complete" and state.counts.dead_lettered:
        detail = EXPIRED.format(_records(state.counts.dead_lettered))
    return Health(tone, title, detail)


def _records(number: int) -> str:
    return f"{number:,} record{'s' if number != 1 else ''}"
