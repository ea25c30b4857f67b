"""The price list of a release of genai-prices as text, so that a process with another release can price by it.

Guarantee: a list that was read prices as the one that was written; what this release has no class or field for is
refused, never left out. Only classes of prices and of names are made of a text: nothing in it is run. Not kept: what
prices nothing (descriptions, comments, how usage is taken from answers).
"""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final

from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

__all__ = ["MOST_LIST_BYTES", "BadPriceList", "installed_release", "list_text", "providers_of"]

MOST_LIST_BYTES: Final = 16 * 1024 * 1024
CLASSES: Final[Mapping[str, type]] = {
    each.__name__: each
    for each in (
        *(types.Provider, types.ModelInfo, types.ModelPrice, types.TieredPrices, types.Tier, types.PriceVariant),
        *(types.ConditionalPrice, types.StartDateConstraint, types.TimeOfDateConstraint, types.ArrayMatch),
        *(types.ClauseStartsWith, types.ClauseEndsWith, types.ClauseContains, types.ClauseRegex, types.ClauseEquals),
        *(types.ClauseOr, types.ClauseAnd),
    )
}
NOT_KEPT: Final = frozenset(
    ("extractors", "description", "price_comments", "pricing_urls", "context_window", "deprecated")
)
SCALARS: Final[Mapping[str, Callable[[str], Any]]] = {
    "Decimal": Decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}
UNREADABLE: Final = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError, re.error)
KIND: Final = "is"
"""The key that names the class of an object."""


class BadPriceList(ValueError):  # noqa: N818 -- the name says what is wrong
    """A text is no price list that this release of genai-prices can hold."""


def installed_release() -> str:
    """Return the installed release of genai-prices."""
    return version("genai-prices")


def list_text() -> str:
    """Return the installed price list: JSON, about a megabyte, the same for one release anywhere."""
    return json.dumps(_written(get_snapshot().providers), separators=(",", ":"))


def providers_of(text: str) -> list[Any]:
    """Return the providers of a text of `list_text`. Raises BadPriceList."""
    if len(text) > MOST_LIST_BYTES:
        raise BadPriceList(f"a price list of {len(text)} characters: at most {MOST_LIST_BYTES}")
    try:
        providers = _read(json.loads(text))
    except UNREADABLE as error:
        raise BadPriceList(f"the price list cannot be read by genai-prices {installed_release()}: {error}") from error
    if (
        not isinstance(providers, list)
        or not providers
        or not all(isinstance(each, types.Provider) for each in providers)
    ):
        raise BadPriceList("the text is no list of providers")
    return providers


def _written(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case list() | tuple():
            return [_written(each) for each in value]
        case dict():
            return {KIND: "dict", "items": [[_written(key), _written(each)] for key, each in value.items()]}
        case Decimal():
            return {KIND: "Decimal", "text": str(value)}
        case date() | time():
            return {KIND: type(value).__name__, "text": value.isoformat()}
    fields = {name: _written(each) for name, each in _fields(value).items() if each is not None}
    return {KIND: _known(type(value).__name__), **fields}


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, types.ModelPrice):
        return dict(vars(value))
    if not dataclasses.is_dataclass(value):
        raise BadPriceList(f"{type(value).__name__} in the installed price list is not known")
    names = [field.name for field in dataclasses.fields(value)]
    return {name: getattr(value, name) for name in names if name not in NOT_KEPT and not name.startswith("_")}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.pop(KIND, None)
    if kind == "dict":
        return {_read(key): _read(each) for key, each in value["items"]} if value.keys() == {"items"} else _refuse(kind)
    if kind in SCALARS:
        return SCALARS[kind](value["text"]) if value.keys() == {"text"} else _refuse(kind)
    made = CLASSES[_known(kind)]
    return made(**{name: _read(each) for name, each in value.items()})


def _known(kind: Any) -> str:
    return str(kind) if kind in CLASSES else _refuse(kind)


def _refuse(kind: Any) -> Any:
    raise BadPriceList(f"{kind!r} in a price list is not known to genai-prices {installed_release()}")
