r"""Reading a text of JSON, also one whose strings were cut within a character.

JavaScript cuts texts between the two halves of an emoji and writes one half as it is, `\ud83d`; others cut bytes. Both
cost the character and not the request: it becomes U+FFFD. Not guaranteed: that for a text with very many of them.
"""

import codecs
import re
from typing import Any, Final

import orjson

__all__ = ["InvalidJson", "read_json"]

MOST_MENDED: Final = 10_000  # places in one text; each costs time
SLICE: Final = 1024 * 1024
BEGIN: Final = rb"\\u[dD]"  # of both halves, in front of all else: texts without it are passed over fast
HIGH: Final = rb"[89abAB][0-9a-fA-F]{2}"
LOW: Final = rb"[c-fC-F][0-9a-fA-F]{2}"
HALF: Final = re.compile(rb"%b(?:%b(?!%b%b)|(?<!%b%b%b)%b)" % (BEGIN, HIGH, BEGIN, LOW, BEGIN, HIGH, BEGIN, LOW))
ESCAPED_BACKSLASH: Final = rb"\\"
NO_JSON: Final = b"\0\0"  # of the same length, so that every \u that is left is an escape


class InvalidJson(ValueError):  # noqa: N818 -- what the body is
    """The text is no JSON, or its framing is no OTLP request; the message says where."""


def read_json(body: bytes) -> Any:
    """Return the values of a JSON text. Raises InvalidJson."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        failed = error
    mended = _mended(body)
    if mended != body:
        try:
            return orjson.loads(mended)
        except orjson.JSONDecodeError as error:
            failed = error
    raise InvalidJson(f"the body is not valid JSON: {failed}")


def _mended(body: bytes) -> bytes:
    body = _in_utf8(body)
    if NO_JSON[:1] in body:
        return body
    plain = body.replace(ESCAPED_BACKSLASH, NO_JSON)
    return HALF.sub(rb"\\ufffd", plain, MOST_MENDED).replace(NO_JSON, ESCAPED_BACKSLASH)


def _in_utf8(body: bytes) -> bytes:
    """Return a text with U+FFFD for what is no UTF-8, the text itself where that is too much."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    out = bytearray()
    for start in range(0, len(body), SLICE):
        end = min(start + SLICE, len(body))
        out += decoder.decode(body[start:end], end == len(body)).encode()
        if len(out) > end + 2 * MOST_MENDED:
            return body
    return bytes(out)
