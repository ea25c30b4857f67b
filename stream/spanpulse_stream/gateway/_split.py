"""Cutting a request into messages: one resource each, of bounded size, by copying ranges of bytes.

Nothing is re-encoded: every span stands in its message as the sender wrote it, and the messages of a request
together hold each of its spans once, in order within a resource. What stands beside the records (resource,
scope, schema address, unknown fields) is repeated in every message that is cut below it. A message is larger
than the bound only where one record is, or where a resource or scope is too large to repeat. Unknown fields
of the request itself are kept only where it is not cut.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from spanpulse_stream.gateway._wire import LENGTH, Allowance, fields_around, length_delimited

__all__ = ["Piece", "split_request"]

REQUEST, RESOURCE, SCOPE, RECORD = range(4)
CHILD = (1, 2, 2)  # field number of the children of a request, a resource and a scope
OVERHEAD = 12  # most bytes of the tag and length around a piece
LARGEST_HEAD = 4  # a head is repeated where it is at most a quarter of the room: hostile ones must not multiply

Part = tuple[bytes, int]  # bytes, and the records in them


@dataclass(frozen=True, slots=True)
class Piece:
    """A request of its own, of one resource, with ``records`` spans or log records (never 0)."""

    key: bytes
    value: bytes
    records: int


@dataclass(frozen=True, slots=True)
class _Child:
    """A submessage: its field starts at ``start``, its content is ``[value, end)``."""

    start: int
    value: int
    end: int


def split_request(
    body: bytes,
    records: int,
    key_of: Callable[[int, int], bytes],
    most_bytes: int,
    allowance: Allowance | None = None,
) -> list[Piece]:
    """Return the pieces of a checked request of ``records`` records, each of at most ``most_bytes`` where possible.

    ``key_of(start, end)`` gives the key of the ResourceSpans or ResourceLogs in that range of ``body``; those with
    one key stay together. What is read is taken from ``allowance``. Raises TooManyFields, and ValueError or
    IndexError for a body that was not checked.
    """
    if not records:
        return []
    source = _Source(body, allowance or Allowance())
    groups: dict[bytes, list[_Child]] = {}
    for child in source.divide(0, len(body), REQUEST)[1]:
        groups.setdefault(key_of(child.value, child.end), []).append(child)
    if len(groups) == 1 and len(body) <= most_bytes:
        return [Piece(next(iter(groups)), body, records)]
    return [
        Piece(key, value, count)
        for key, children in groups.items()
        for value, count in _pack(source.parts(children, REQUEST, most_bytes), most_bytes)
        if count
    ]


@dataclass(frozen=True, slots=True)
class _Source:
    """A request that is cut."""

    body: bytes
    allowance: Allowance

    def divide(self, start: int, end: int, level: int) -> tuple[bytes, list[_Child]]:
        """Return what stands beside the children of a message, and the children."""
        head, children = [], []
        for number, wire, first, value, last in fields_around(self.body, start, end, CHILD[level], self.allowance):
            if number == CHILD[level] and wire == LENGTH:
                children.append(_Child(first, value, last))
            else:
                head.append(self.body[first:last])
        return b"".join(head), children

    def parts(self, children: Iterable[_Child], level: int, room: int) -> Iterator[Part]:
        """Yield the children as they stand, those that are too large in pieces."""
        for child in children:
            if level == SCOPE or child.end - child.start <= room:
                yield self.body[child.start : child.end], self._count(child, level + 1)
            else:
                for content, count in self._cut(child, level + 1, room - OVERHEAD):
                    yield length_delimited(CHILD[level], content), count

    def _cut(self, message: _Child, level: int, room: int) -> Iterator[Part]:
        """Yield the contents of the messages that a message of ``level`` is cut into."""
        head, children = self.divide(message.value, message.end, level)
        if len(head) * LARGEST_HEAD > room:
            yield self.body[message.value : message.end], self._count(message, level)
            return
        room -= len(head)
        for content, count in _pack(self.parts(children, level, room), room):
            yield head + content, count

    def _count(self, message: _Child, level: int) -> int:
        if level == RECORD:
            return 1
        return sum(self._count(child, level + 1) for child in self.divide(message.value, message.end, level)[1])


def _pack(parts: Iterable[Part], room: int) -> Iterator[Part]:
    """Join neighbours up to ``room`` bytes; what is larger stays alone."""
    held: list[bytes] = []
    size = records = 0
    for content, count in parts:
        if held and size + len(content) > room:
            yield b"".join(held), records
            held, size, records = [], 0, 0
        held.append(content)
        size += len(content)
        records += count
    if held:
        yield b"".join(held), records
