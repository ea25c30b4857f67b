"""Values as texts: JSON for structures, and plain words for scalars. Nothing raises, whatever was sent."""

import ast
import base64
import math
from typing import Any

import orjson

from spanpulse_stream.decode import Value
from spanpulse_stream.json_text import json_bytes

__all__ = ["literal", "parsed", "scalar_text"]

LONGEST_LITERAL = 4096
"""Characters of a Python literal that is read."""


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
