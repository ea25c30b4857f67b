"""The little of the protobuf wire format that splitting a request and answering one take.

Reading trusts that the message was checked; a message that wasn't raises ValueError or IndexError, never reads
past its end, and is never half used. A field is read in bounded time, whatever it holds.
"""

from collections.abc import Iterator

__all__ = [
    "Allowance",
    "Field",
    "TooManyFields",
    "fields",
    "fields_around",
    "length_delimited",
    "varint",
    "varint_field",
]

LENGTH = 2
START_GROUP = 3
END_GROUP = 4
FIXED_SIZES = {1: 8, 5: 4}

MOST_FIELDS = 500_000  # of a request, read one by one, in seconds at most; 8,000 spans of as many resources: 200,000
MOST_BESIDE = 1_000  # of one message; senders write a handful
MOST_IN_A_GROUP = 1_000  # and no groups
VARINT_BITS = 70  # of the 10 bytes that a varint may have

Field = tuple[int, int, int, int, int]


class TooManyFields(ValueError):  # noqa: N818 -- what the message has
    """A message has more fields than any sender writes: made to cost time."""


class Allowance:
    """How many fields of one request may be read one by one, records and their frames apart."""

    def __init__(self, most: int = MOST_FIELDS) -> None:
        self._most = most
        self._left = most

    def spend(self, field: Field) -> None:
        """Count a field, a group as all that it can hold. Raises TooManyFields."""
        _, wire, start, _, end = field
        self._left -= (end - start) // 2 if wire == START_GROUP else 1
        if self._left < 0:
            raise TooManyFields(f"the frame of a request has more than {self._most} fields")


def read_varint(data: bytes, pos: int) -> tuple[int, int]:
    """Return (value, next position) of the varint at ``pos``. Raises ValueError for one of more than 10 bytes."""
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:
        if shift == VARINT_BITS:
            raise ValueError(f"the number before byte {pos + 1} has more than 10 bytes")
        pos += 1
        byte = data[pos]
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, pos + 1


def fields(data: bytes, pos: int, end: int) -> Iterator[Field]:
    """Yield (number, wire type, start, value start, end) of each field of the message in ``data[pos:end]``.

    ``start`` is where the tag begins; for a length-delimited field the value starts behind the length. Raises
    TooManyFields for a group that has.
    """
    while pos < end:
        start = pos
        tag, pos = read_varint(data, pos)
        number, wire = tag >> 3, tag & 7
        value = pos
        if wire == LENGTH:
            size, value = read_varint(data, pos)
            pos = value + size
        else:
            pos = _skip(data, pos, wire)
        if pos > end:
            raise ValueError(f"field {number} at byte {start} reaches past the end of its message")
        yield number, wire, start, value, pos


def fields_around(data: bytes, pos: int, end: int, child: int, allowance: Allowance) -> Iterator[Field]:
    """Like `fields`, of a message that has any number of submessages ``child`` and little beside them.

    Raises TooManyFields.
    """
    beside = 0
    for field in fields(data, pos, end):
        if field[0] != child or field[1] != LENGTH:
            allowance.spend(field)
            beside += 1
            if beside > MOST_BESIDE:
                raise TooManyFields(f"a message has more than {MOST_BESIDE} fields beside its records and attributes")
        yield field


def _skip(data: bytes, pos: int, wire: int) -> int:
    if wire == 0:
        return read_varint(data, pos)[1]
    if wire in FIXED_SIZES:
        return pos + FIXED_SIZES[wire]
    if wire != START_GROUP:
        raise ValueError(f"wire type {wire} at byte {pos}")
    return _skip_group(data, pos)


def _skip_group(data: bytes, pos: int) -> int:
    """Return the position behind the end of a group whose start was read. Raises TooManyFields."""
    depth, count = 1, 0
    while depth:
        count += 1
        if count > MOST_IN_A_GROUP:
            raise TooManyFields(f"a group has more than {MOST_IN_A_GROUP} fields")
        tag, pos = read_varint(data, pos)
        inner = tag & 7
        if inner == START_GROUP:
            depth += 1
        elif inner == END_GROUP:
            depth -= 1
        elif inner == LENGTH:
            size, pos = read_varint(data, pos)
            pos += size
        else:
            pos = _skip(data, pos, inner)
    return pos


def varint(value: int) -> bytes:
    """Encode a number of 0 or more."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint_field(number: int, value: int) -> bytes:
    """Encode a number as field ``number``; 0 is left out, as proto3 has it."""
    return varint(number << 3) + varint(value) if value else b""


def length_delimited(number: int, payload: bytes) -> bytes:
    """Encode bytes, a string or a message as field ``number``."""
    return varint(number << 3 | LENGTH) + varint(len(payload)) + payload
