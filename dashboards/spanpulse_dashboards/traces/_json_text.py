"""JSON as text for a person, at any depth that can be read.

What nests deeper than can be written indented stands on one line, so that what an emitter has put into a span cannot
break the page that shows it. Not guaranteed: lines and indentation for what is long, which would grow by its depth.
"""

from contextlib import suppress
from typing import Any, Final

import orjson

from spanpulse_stream.json_text import json_bytes

__all__ = ["json_text"]

LONGEST_INDENTED: Final = 64 * 1024


def json_text(value: Any, *, indented: bool = False) -> str:
    """Return a value that orjson has read as JSON."""
    text = json_bytes(value)
    if indented and len(text) <= LONGEST_INDENTED:
        with suppress(orjson.JSONEncodeError):
            text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return text.decode()
