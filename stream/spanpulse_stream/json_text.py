"""Writing values as JSON text, however deep they are: orjson writes fewer levels than it reads.

NaN and infinities become null; bytes are written in base64. Not guaranteed: anything about other objects, which raise
TypeError.
"""

import base64
from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["json_bytes"]

_OPTIONS = orjson.OPT_NON_STR_KEYS


def _default(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON text; a string as a JSON string."""
    try:
        return orjson.dumps(value, _default, _OPTIONS)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return _deep_bytes(value)


def _deep_bytes(value: Any) -> bytes:
    """Write a value without recursion."""
    written: list[bytes] = []
    opened: list[tuple[Iterator[Any], bytes]] = [(iter(((b"", value),)), b"")]
    while opened:
        items, end = opened[-1]
        before, item = next(items, (None, None))
        if before is None:
            written.append(end)
            opened.pop()
            continue
        written.append(before)
        if isinstance(item, dict):
            written.append(b"{")
            opened.append((_pairs(item), b"}"))
        elif isinstance(item, list):
            written.append(b"[")
            opened.append((_items(item), b"]"))
        else:
            written.append(orjson.dumps(item, _default))
    return b"".join(written)


def _items(values: list[Any]) -> Iterator[tuple[bytes, Any]]:
    return ((b"," if place else b"", value) for place, value in enumerate(values))


def _pairs(values: dict[str, Any]) -> Iterator[tuple[bytes, Any]]:
    for place, (key, value) in enumerate(values.items()):
        yield (b"," if place else b"") + orjson.dumps({key: 0}, option=_OPTIONS)[1:-2], value  # "key":
