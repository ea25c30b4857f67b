"""Mutations of messages on the wire: some keep them valid, some don't; what they become protobuf decides.

Everything is drawn from the `random.Random` given, so that a seed or Hypothesis can repeat it.
"""

import random
from collections.abc import Callable

from oracle.reference import UnreadableError, varint, wire_fields

Field = tuple[int, bytes, bytes | None]  # tag, all bytes, content if it has a length

INTERESTING = [
    *(b"\xff", b"\x80", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "délai 東京 🙂".encode(), b"\x00"),
    *(b"\x0a\x00", b"\x12\x00", b"\x0a\x01a", b"\x18\x01", b"\x2a\x00", b"\x32\x00", b"\x40\x01", b""),
    *(b"\x2a\x05\x0a\x03\x0a\x01a", b"\x32\x07\x0a\x05\x0a\x01k\x12\x00", b"\x0a\x01k\x12\x02\x2a\x00"),
]


def mutate(body: bytes, rng: random.Random, most: int = 4) -> bytes:
    """Return the body after one to ``most`` mutations."""
    for _ in range(rng.randint(1, most)):
        body = _mutate_bytes(body, rng) if rng.random() < 0.25 else _descend(body, rng, rng.randint(0, 10))
    return body


def _mutate_bytes(body: bytes, rng: random.Random) -> bytes:
    """Damage that knows nothing of fields."""
    if not body:
        return rng.choice(INTERESTING)
    at = rng.randrange(len(body))
    kind = rng.randrange(6)
    if kind == 0:
        return body[:at]
    if kind == 1:
        return body[:at] + bytes([body[at] ^ 1 << rng.randrange(8)]) + body[at + 1 :]
    if kind == 2:
        return body[:at] + rng.choice(INTERESTING) + body[at:]
    if kind == 3:
        return body[:at] + body[at + rng.randint(1, 8) :]
    if kind == 4:
        return body[:at] + rng.randbytes(rng.randint(1, 4)) + body[at + 1 :]
    other = rng.randrange(len(body))
    return body[:at] + body[other : other + rng.randint(1, 64)] + body[at:]


def _descend(body: bytes, rng: random.Random, levels: int) -> bytes:
    """Mutate a message some levels down, with the lengths around it kept right (mostly)."""
    try:
        fields = wire_fields(body)
    except UnreadableError:
        return _mutate_bytes(body, rng)
    inner = [index for index, (_, _, content) in enumerate(fields) if content is not None]
    if levels and inner:
        index = rng.choice(inner)
        tag, _, content = fields[index]
        changed = _descend(content or b"", rng, levels - 1)
        wrong = rng.choice([-1, 1, 7]) if rng.random() < 0.02 else 0
        raw = varint(tag) + varint(max(0, len(changed) + wrong)) + changed
        fields[index] = (tag, raw, changed)
    else:
        fields = rng.choice(_OPERATIONS)(fields, rng)
    return b"".join(raw for _, raw, _ in fields)


def _shuffle(fields: list[Field], rng: random.Random) -> list[Field]:
    return rng.sample(fields, len(fields))


def _repeat(fields: list[Field], rng: random.Random) -> list[Field]:
    fields = list(fields)
    for field in rng.sample(fields, min(len(fields), rng.randint(1, 3))):
        fields.insert(rng.randint(0, len(fields)), field)
    return fields


def _remove(fields: list[Field], rng: random.Random) -> list[Field]:
    return rng.sample(fields, rng.randint(0, len(fields))) if rng.random() < 0.2 else fields[1:]


def _split(fields: list[Field], rng: random.Random) -> list[Field]:
    """Cut a submessage into two occurrences, which protobuf merges if the field is singular."""
    out: list[Field] = []
    for tag, raw, content in fields:
        parts = _parts(content, rng) if content else []
        out += [(tag, varint(tag) + varint(len(part)) + part, part) for part in parts] or [(tag, raw, content)]
    return out


def _parts(content: bytes, rng: random.Random) -> list[bytes]:
    try:
        inner = [raw for _, raw, _ in wire_fields(content)]
    except UnreadableError:
        return []
    at = rng.randint(0, len(inner))
    return [b"".join(inner[:at]), b"".join(inner[at:])]


def _add_unknown(fields: list[Field], rng: random.Random) -> list[Field]:
    fields = list(fields)
    fields.insert(rng.randint(0, len(fields)), (0, _random_field(rng, rng.choice([7, 14, 17, 31, 32, 99, 1000])), None))
    return fields


def _add_known(fields: list[Field], rng: random.Random) -> list[Field]:
    """Add a field with a number that the messages use and any wire type."""
    fields = list(fields)
    fields.insert(rng.randint(0, len(fields)), (0, _random_field(rng, rng.randint(0, 16)), None))
    return fields


def _random_field(rng: random.Random, number: int, groups: int = 2) -> bytes:
    wire = rng.choice([0, 1, 2, 2, 2, 3, 5, rng.randrange(8)])
    tag = varint(number << 3 | wire, rng.choice([0, 0, 0, 2, 5, 6]))
    if wire == 0:
        return tag + varint(rng.getrandbits(rng.choice([1, 7, 31, 32, 33, 63, 64])), rng.choice([0, 0, 2, 10, 11]))
    if wire in {1, 5}:
        return tag + rng.randbytes(8 if wire == 1 else 4)
    if wire == 2:
        content = rng.choice(INTERESTING)
        return tag + varint(len(content), rng.choice([0, 0, 2, 5, 6])) + content
    if wire == 3 and groups:
        inner = b"".join(_random_field(rng, rng.randint(0, 40), groups - 1) for _ in range(rng.randint(0, 2)))
        return tag + inner + varint(rng.choice([number, number, number, 5]) << 3 | 4)
    return tag


def _widen(fields: list[Field], rng: random.Random) -> list[Field]:
    """Write tags and lengths in more bytes than they need."""
    return [
        (tag, varint(tag, rng.choice([0, 2, 5])) + varint(len(content), rng.choice([0, 2, 3, 5])) + content, content)
        if content is not None
        else (tag, raw, content)
        for tag, raw, content in fields
    ]


def _retag(fields: list[Field], rng: random.Random) -> list[Field]:
    """Give the content of one field another number."""
    if not fields:
        return fields
    fields, index = list(fields), rng.randrange(len(fields))
    tag, raw, content = fields[index]
    other = rng.randint(1, 16) << 3 | tag & 7
    fields[index] = (other, varint(other) + raw[len(varint(tag)) :], content)
    return fields


def _refill(fields: list[Field], rng: random.Random) -> list[Field]:
    """Replace the content of one field."""
    if not fields:
        return fields
    fields, index = list(fields), rng.randrange(len(fields))
    content = rng.choice(INTERESTING) * rng.choice([1, 1, 2, 9])
    tag = fields[index][0] & ~7 | 2
    fields[index] = (tag, varint(tag) + varint(len(content)) + content, content)
    return fields


_OPERATIONS: list[Callable[[list[Field], random.Random], list[Field]]] = [
    _shuffle,
    _repeat,
    _remove,
    _split,
    _split,
    _add_unknown,
    _add_known,
    _add_known,
    _widen,
    _retag,
    _refill,
]
