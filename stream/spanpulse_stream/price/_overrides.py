"""Prices that the operator sets: a YAML file that goes before the price book.

    prices:
      - provider: openai          # optional; as spans name it, or genai-prices' id
        model: ft:gpt-4o:acme     # or match: {starts_with: "ft:"} (equals, ends_with, contains, regex)
        from: 2026-01-01          # optional: the UTC day from which it holds
        service_tier: batch       # optional: batch, flex, priority; without it, every tier
        input: 2.50               # USD per million tokens; exact, whatever the number of digits
        output: 10
        cache_read: 0.25          # also cache_write, cache_write_1h, reasoning, input_audio, output_audio,
        request: 0.01             # cache_audio_read; request is USD per request
        tiers:
          - above: 200000         # input tokens; the whole request is billed at these prices
            input: 5

An entry replaces the book's price whole; a price that it leaves out is 0 for input and output, and otherwise
that of the whole the tokens are part of. Of several entries that hold, one for the span's service tier goes
before one for every tier, then the latest `from`, then the later in the file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import yaml

from spanpulse_stream.price._match import LONGEST_NAME, provider_id
from spanpulse_stream.price._vectors import UNITS, Vector, make_vector

__all__ = ["OverrideError", "Rule", "best_rule", "check_overrides", "parse_rules"]

PARENTS: Final = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
    "input_audio": "input",
    "output_audio": "output",
    "cache_audio_read": "cache_read",
}
CLAUSES: Final[dict[str, Callable[[str, str], bool]]] = {
    "equals": str.__eq__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "regex": lambda name, pattern: re.search(pattern, name) is not None,
}
TIERS: Final = ("batch", "flex", "priority")
FINEST: Final = -30
HIGHEST: Final = 10**9
KEYS: Final = ("provider", "model", "match", "from", "service_tier", "tiers", *UNITS)


class OverrideError(ValueError):
    """The file of prices cannot be used; the message names file, line and key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the file. ``clause`` is how and with what the lowercased model name is compared."""

    provider: str | None
    clause: tuple[str, str]
    since: date | None
    service_tier: str | None
    vector: Vector

    def names(self, provider: str | None, model: str | None) -> bool:
        """Tell whether the entry is about this model of this provider."""
        if model is None or len(model) > LONGEST_NAME or self.provider not in (None, provider_id(provider)):
            return False
        how, what = self.clause
        return CLAUSES[how](model.lower(), what)


def best_rule(rules: list[Rule], moment: datetime, service_tier: str | None) -> Rule | None:
    """Return the rule that holds at a time for a service tier, or None."""
    active = [
        (rule.service_tier is not None, rule.since or date.min, index)
        for index, rule in enumerate(rules)
        if rule.service_tier in (None, service_tier) and (rule.since is None or moment.date() >= rule.since)
    ]
    return rules[max(active)[2]] if active else None


def check_overrides(text: str, path: Path) -> None:
    """See that a text of prices can be used. Raises OverrideError; ``path`` only names the file in messages."""
    parse_rules(text, path)


def parse_rules(text: str, path: Path) -> list[Rule]:
    """Read the file's text. Raises OverrideError; ``path`` only names the file in messages."""
    reader = _Reader(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise OverrideError(f"{path}: not YAML: {error}") from error
    if root is None:
        return []
    entries = reader.mapping(root, ("prices",)).get("prices")
    if entries is None or entries.tag == "tag:yaml.org,2002:null":
        return []
    return [reader.rule(node) for node in reader.sequence(entries)]


class _Reader:
    """Turns YAML nodes into rules; every error names where it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rule(self, node: yaml.Node) -> Rule:
        fields = self.mapping(node, KEYS)
        base = self._prices(fields)
        if not base:
            raise self._error(node, "an entry needs at least one price")
        tiers = dict(self._tier(each, base) for each in self.sequence(fields["tiers"])) if "tiers" in fields else {}
        tier = self._text(fields["service_tier"]) if "service_tier" in fields else None
        if tier is not None and tier not in TIERS:
            raise self._error(fields["service_tier"], f"service_tier must be one of {', '.join(TIERS)}")
        provider = self._text(fields["provider"]) if "provider" in fields else None
        since = self._day(fields["from"]) if "from" in fields else None
        return Rule(provider_id(provider), self._clause(node, fields), since, tier, make_vector(base, tiers))

    def mapping(self, node: yaml.Node, allowed: tuple[str, ...]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"expected a mapping with the keys {', '.join(allowed)}")
        fields: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self._text(key_node)
            if key not in allowed:
                raise self._error(key_node, f"unknown key {key!r}; known are {', '.join(allowed)}")
            if key in fields:
                raise self._error(key_node, f"the key {key!r} appears twice")
            fields[key] = value
        return fields

    def sequence(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, "expected a list")
        return list(node.value)

    def _clause(self, node: yaml.Node, fields: dict[str, yaml.Node]) -> tuple[str, str]:
        if ("model" in fields) == ("match" in fields):
            raise self._error(node, "an entry needs either model or match")
        if "model" in fields:
            return "equals", self._text(fields["model"]).lower()
        clauses = self.mapping(fields["match"], tuple(CLAUSES))
        if len(clauses) != 1:
            raise self._error(fields["match"], "match takes exactly one of its keys")
        ((how, value),) = clauses.items()
        what = self._text(value)
        if how != "regex":
            return how, what.lower()
        try:
            re.compile(what)
        except re.error as error:
            raise self._error(value, f"regex: {error}") from error
        return how, what

    def _prices(self, fields: dict[str, yaml.Node]) -> dict[str, Decimal]:
        prices: dict[str, Decimal] = {unit: self._price(unit, fields[unit]) for unit in UNITS if unit in fields}
        for unit, parent in PARENTS.items():
            if unit in prices and parent not in prices:
                raise self._error(fields[unit], f"{unit} needs {parent}: its tokens are a part of those")
        if {"cache_read", "input_audio"} <= prices.keys():
            prices.setdefault("cache_audio_read", prices["cache_read"])
        return prices

    def _tier(self, node: yaml.Node, base: dict[str, Decimal]) -> tuple[int, dict[str, Decimal]]:
        fields = self.mapping(node, ("above", *UNITS))
        if "above" not in fields:
            raise self._error(node, "a tier needs above: the input tokens from which it holds")
        above = self._text(fields["above"])
        if not re.fullmatch(r"[0-9_]{1,15}", above):
            raise self._error(fields["above"], f"above: not a number of tokens: {above!r}")
        prices = {unit: self._price(unit, fields[unit]) for unit in UNITS if unit in fields}
        for unit in prices.keys() - base.keys():
            raise self._error(fields[unit], f"{unit} has no price below the tier")
        if "cache_read" in prices and base.get("cache_audio_read") == base.get("cache_read"):
            prices.setdefault("cache_audio_read", prices["cache_read"])
        return int(above), {unit: price for unit, price in prices.items() if unit in base}

    def _price(self, unit: str, node: yaml.Node) -> Decimal:
        text = self._text(node)
        try:
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal("NaN")
        exponent = price.as_tuple().exponent
        if not (isinstance(exponent, int) and exponent > FINEST and 0 <= price < HIGHEST):
            raise self._error(node, f"{unit}: not a price in USD: {text!r}")
        return price * 1000 if unit == "request" else price

    def _day(self, node: yaml.Node) -> date:
        text = self._text(node)
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise self._error(node, f"from: not a day like 2026-01-31: {text!r}") from error

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self._error(node, "expected a single value")
        return str(node.value)

    def _error(self, node: yaml.Node, message: str) -> OverrideError:
        return OverrideError(f"{self._path}:{node.start_mark.line + 1}: {message}")
