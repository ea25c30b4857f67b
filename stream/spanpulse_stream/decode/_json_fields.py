"""How the fields of a message are written from values of JSON: one function per kind of field.

A value that is not of its field's kind raises `Unfit`, which says what was wanted. Knows no message of OTLP.
"""

import base64
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, Never

import orjson

__all__ = [
    "Unfit",
    "Write",
    "base64_bytes",
    "boolean",
    "child",
    "digits",
    "double",
    "fixed",
    "hex_bytes",
    "integer",
    "message",
    "put_bytes",
    "put_varint",
    "repeated",
    "tag",
    "text",
    "unfit",
]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
DEEPEST: Final = 80  # values within values that are written; decoding allows 64 at most and rejects what has more
MOST_SHOWN: Final = 60
CONTAINERS: Final[dict[type, str]] = {dict: "an object", list: "a list"}
LONGEST_NUMBER: Final = 32  # characters of a number in a string
SURELY_64_BITS: Final = 19  # digits of a number below 2**64, signed ones apart
NUMERAL: Final = frozenset("0123456789+-.eE")
UINT64: Final = 1 << 64
NO_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

Write = Callable[[bytearray, Any, int], None]
"""Appends a field to a message; the number says how many values it stands within."""


class Unfit(ValueError):  # noqa: N818 -- what the value is
    """A value is not of its field's kind."""


def unfit(value: object, wanted: str) -> Never:
    """Raise Unfit, with the beginning of the value."""
    shown = CONTAINERS.get(type(value)) or orjson.dumps(value).decode()
    raise Unfit(f"{wanted} is wanted, not {shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + '...'}")


def put_varint(out: bytearray, value: int) -> None:
    """Append a number of 0 or more."""
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def tag(number: int, wire: int = LENGTH) -> bytes:
    """Return what a field begins with."""
    out = bytearray()
    put_varint(out, number << 3 | wire)
    return bytes(out)


def put_bytes(out: bytearray, begin: bytes, content: bytes | bytearray) -> None:
    """Append a field of bytes that begins with ``begin``."""
    out += begin
    put_varint(out, len(content))
    out += content


def text(number: int) -> Write:
    """Write a string."""
    begin = tag(number)

    def write(out: bytearray, value: Any, _depth: int) -> None:
        if not isinstance(value, str):
            unfit(value, "a string")
        put_bytes(out, begin, value.encode())

    return write


def hex_bytes(number: int) -> Write:
    """Write an id: bytes in hexadecimal digits of either case."""
    begin = tag(number)

    def write(out: bytearray, value: Any, _depth: int) -> None:
        try:
            content = bytes.fromhex(value)
        except (TypeError, ValueError):
            unfit(value, "an id in hexadecimal digits")
        put_bytes(out, begin, content)

    return write


def base64_bytes(number: int) -> Write:
    """Write bytes in base64, of either alphabet, padded or not."""
    begin = tag(number)

    def write(out: bytearray, value: Any, _depth: int) -> None:
        try:
            plain = value.translate(URL_SAFE).rstrip("=")
            content = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (AttributeError, ValueError):
            unfit(value, "base64")
        put_bytes(out, begin, content)

    return write


URL_SAFE: Final = str.maketrans("-_", "+/")


def integer(number: int, lowest: int, above: int, names: Mapping[str, int] | None = None) -> Write:
    """Write a varint from ``lowest`` to below ``above``; ``names`` are those of an enumeration."""
    begin = tag(number, VARINT)
    known = names or {}

    def write(out: bytearray, value: Any, _depth: int) -> None:
        found = known.get(value) if isinstance(value, str) else None
        out += begin
        put_varint(out, (whole(value, lowest, above) if found is None else found) % UINT64)

    return write


def fixed(number: int, size: int) -> Write:
    """Write an unsigned integer of 4 or 8 bytes."""
    begin = tag(number, FIXED64 if size == 8 else FIXED32)

    above = 1 << 8 * size

    def write(out: bytearray, value: Any, _depth: int) -> None:
        number = digits(value)
        if number is None or number >= above:
            number = whole(value, 0, above)
        out += begin
        out += number.to_bytes(size, "little")

    return write


def double(number: int) -> Write:
    """Write a floating point number, which may stand in a string, as NaN and the infinities must."""
    begin = tag(number, FIXED64)

    def write(out: bytearray, value: Any, _depth: int) -> None:
        found = NO_NUMBERS.get(value) if isinstance(value, str) else None
        if found is None:
            try:
                found = float(numeral(value))
            except (ValueError, OverflowError):
                unfit(value, "a number")
        out += begin
        out += struct.pack("<d", found)

    return write


def boolean(number: int) -> Write:
    """Write true or false."""
    begin = tag(number, VARINT)

    def write(out: bytearray, value: Any, _depth: int) -> None:
        if not isinstance(value, bool):
            unfit(value, "true or false")
        out += begin
        out.append(value)

    return write


def digits(value: Any) -> int | None:
    """Return the integer of a string of a few decimal digits, the usual form of one of 64 bits; None for all else."""
    if type(value) is str and len(value) <= SURELY_64_BITS and value.isascii() and value.isdecimal():
        return int(value)
    return None


def numeral(value: Any) -> int | float | str:
    """Return a number, or the string of one. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and NUMERAL.issuperset(value):
        return value
    raise ValueError


def whole(value: Any, lowest: int, above: int) -> int:
    """Return an integer of JSON, which may stand in a string, from ``lowest`` to below ``above``."""
    try:
        number = int(numeral(value))
    except (ValueError, OverflowError):
        unfit(value, "an integer")
    if isinstance(value, float) and number != value:
        unfit(value, "an integer")
    if not lowest <= number < above:
        unfit(value, f"an integer from {lowest} to {above - 1}")
    return number


def message(fields: Mapping[str, Write]) -> Write:
    """Write the fields of an object; names that are not in ``fields`` and nulls are left out.

    A field's name is in front of what is said about its value.
    """

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, dict):
            unfit(value, "an object")
        for name, part in value.items():
            field = fields.get(name)
            if field is not None and part is not None:
                try:
                    field(out, part, depth)
                except Unfit as error:
                    raise Unfit(f"{name}: {error}") from None

    return write


def child(number: int, content: Write, *, deeper: int = 0) -> Write:
    """Write a message within a message; ``deeper`` is 1 where it is a value within a value."""
    begin = tag(number)

    def write(out: bytearray, value: Any, depth: int) -> None:
        inner = bytearray()
        if depth + deeper <= DEEPEST:
            content(inner, value, depth + deeper)
        put_bytes(out, begin, inner)

    return write


def repeated(field: Write) -> Write:
    """Write every element of a list as ``field``."""

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, list):
            unfit(value, "a list")
        for place, element in enumerate(value):
            try:
                field(out, element, depth)
            except Unfit as error:
                raise Unfit(f"{place}: {error}") from None

    return write
