"""Values as texts: JSON for structures, and plain words for scalars. Nothing raises, whatever was sent.

NaN and infinities become null inside structures; bytes are written in base64. Structures are written however deep they
are: orjson writes fewer levels than it reads.
"""

import ast
import base64
import math
from collections.abc import Iterator
from typing import Any

import orjson

from spanpulse_stream.decode import Value

__all__ = ["json_bytes", "literal", "parsed", "scalar_text"]

LONGEST_LITERAL = 4096
"""Characters of a Python literal that is read."""

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


def scalar_text(value: Value) -> bytes:
    """Return an attribute's value as text: strings as they are, numbers and truth as in JSON, structures as JSON."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value).encode()
        return b"NaN" if math.isnan(value) else b"Infinity" if value > 0 else b"-Infinity"
    if isinstance(value, bytes):
        return base64.b64encode(value)
    return json_bytes(value)


def parsed(text: bytes | str) -> Any:
    """Return what a JSON text says, or the text itself as a string where it is no JSON (None for JSON's null)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode() if isinstance(text, bytes) else text


def literal(text: str) -> Any:
    """Return what a Python literal says (a dictionary with its quotes and None), or the text where it is none.

    A text with a backslash counts as none: Python warns of the odd ones.
    """
    if len(text) > LONGEST_LITERAL or "\\" in text:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
