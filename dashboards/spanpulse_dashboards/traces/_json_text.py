"""JSON as text for a person, at any depth that can be read.

orjson reads deeper than it writes: what nests deeper than it writes is written here, on one line and without recursion,
so that what an emitter has put into a span cannot break the page that shows it. Not guaranteed: lines and indentation
for what is long, which would grow by its depth.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

__all__ = ["json_text"]

LONGEST_INDENTED: Final = 64 * 1024
END: Final = object()
"""Stands behind the last item of an object or list."""


def json_text(value: Any, *, indented: bool = False) -> str:
    """Return a value that orjson has read as JSON."""
    try:
        text = orjson.dumps(value)
        if indented and len(text) <= LONGEST_INDENTED:
            text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
        return text.decode()
    except orjson.JSONEncodeError:
        return "".join(_pieces(value))


def _pieces(value: Any) -> Iterator[str]:
    """Yield the text of a value; what is still to be written lies on a stack, each with the text before it."""
    rest: list[tuple[str, Any]] = [("", value)]
    while rest:
        before, each = rest.pop()
        yield before
        if isinstance(each, dict | list) and each:
            opening, closing = "{}" if isinstance(each, dict) else "[]"
            rest += [(closing, END), *reversed(list(_items(each)))]
            yield opening
        elif each is not END:
            yield orjson.dumps(each).decode()


def _items(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield what is in an object or list, each with its comma and key."""
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for place, (key, item) in enumerate(pairs):
        comma = "," if place else ""
        yield comma if key is None else f"{comma}{orjson.dumps(key).decode()}:", item
