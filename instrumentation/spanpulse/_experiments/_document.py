"""The document that weights are read from: JSON, version 1, in docs/assignment.md.

Guarantee: a document is taken as a whole or not at all; members that are not known are left aside, so that later ones
can have more. A document that could be read in two ways (a name twice, a number that is none) is refused.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from spanpulse._experiments._weights import Shares, shares_of

__all__ = ["MOST_BYTES", "Experiment", "experiments_of"]

VERSION: Final = 1
MOST_BYTES: Final = 1 << 20
"""Of a document."""
MOST_EXPERIMENTS: Final = 10_000
MOST_VARIANTS: Final = 100
LONGEST: Final = 128
"""Characters of a name."""


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """What a document says of an experiment."""

    shares: Shares | None
    """None: all weights are 0."""
    variants: frozenset[str]
    """Those that somebody may get."""
    salt: str
    """Empty where the document says none."""
    enabled: bool


def experiments_of(document: bytes) -> dict[str, Experiment]:
    """Return the experiments of a document by name. Raises ValueError for one that cannot be used."""
    try:
        said = json.loads(document, object_pairs_hook=_members, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    version = _member(said, "version", int)
    if version != VERSION:
        raise ValueError(f"its version is {version}, and {VERSION} is what is understood")
    found = _member(said, "experiments", dict)
    if len(found) > MOST_EXPERIMENTS:
        raise ValueError(f"it has more than {MOST_EXPERIMENTS} experiments")
    return {_name(name): _experiment(name, each) for name, each in found.items()}


def _experiment(name: str, said: Any) -> Experiment:
    try:
        variants = _member(said, "variants", dict)
        if not 0 < len(variants) <= MOST_VARIANTS:
            raise ValueError(f"it has {len(variants)} variants, where there may be 1 to {MOST_VARIANTS}")  # noqa: TRY301
        if not all(isinstance(weight, int | Decimal) and not isinstance(weight, bool) for weight in variants.values()):
            raise ValueError("a weight is no number")  # noqa: TRY301 -- said as the others are
        shares = shares_of((_name(variant), weight) for variant, weight in variants.items())
        given = frozenset(variant for variant, weight in variants.items() if weight)
        return Experiment(shares, given, _member(said, "salt", str, ""), _member(said, "enabled", bool, True))
    except ValueError as error:
        raise ValueError(f"experiment {name}: {error}") from error


def _member(said: Any, name: str, kind: type, default: Any = None) -> Any:
    """Return a member of an object, which has to be there if there is no default."""
    if not isinstance(said, dict):
        raise ValueError("what should be an object is none")  # noqa: TRY004 -- of the document, not of a caller
    value = said.get(name, default)
    if type(value) is not kind:
        raise ValueError(f"{name} is absent or no {kind.__name__}")
    return value


def _name(name: str) -> str:
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise ValueError(f"a name is empty, longer than {LONGEST} characters, or cannot be printed")
    return name


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")
