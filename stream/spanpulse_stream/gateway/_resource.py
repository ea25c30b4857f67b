"""The key of a message: a hash of the resource that its records come from.

A process's retries have its resource and so reach the partition that knows what came before. The key does not
depend on the order of attributes. Where a resource names no instance, host or process, the sender's address is
part of the key, so that a thousand hosts with one service name spread over the partitions.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from spanpulse_stream.gateway._wire import LENGTH, Allowance, TooManyFields, fields, fields_around, varint

__all__ = ["partition_of", "resource_key"]

KEY_BYTES = 16
RESOURCE, SCOPES = 1, 2  # fields of ResourceSpans and ResourceLogs
ATTRIBUTES = 1  # field of Resource
NAME, VALUE = 1, 2  # fields of KeyValue
FIELDS = 2  # of a KeyValue that was not made to cost time
MOST_FIELDS = 100  # a parser takes the last of each
PROCESS_NAMES = frozenset({b"service.instance.id", b"host.name", b"host.id", b"process.pid"})


def resource_key(data: bytes, start: int, end: int, peer: str, allowance: Allowance | None = None) -> bytes:
    """Return the key of the ResourceSpans or ResourceLogs in ``data[start:end]``; ``peer`` is an address, no port.

    What is read is taken from ``allowance``, that of the request. Raises TooManyFields.
    """
    allowance = allowance or Allowance()
    pairs = sorted(
        pair
        for number, wire, _, value, stop in fields_around(data, start, end, SCOPES, allowance)
        if number == RESOURCE and wire == LENGTH
        for pair in _attributes(data, value, stop, allowance)
    )
    digest = blake2b(digest_size=KEY_BYTES)
    for piece in _flat(pairs):
        digest.update(varint(len(piece)) + piece)
    if not any(name in PROCESS_NAMES for name, _ in pairs):
        digest.update(peer.encode())
    return digest.digest()


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: the same for the same number of partitions, on every machine."""
    return int.from_bytes(key[:8], "big") % partitions


def _attributes(data: bytes, start: int, end: int, allowance: Allowance) -> Iterator[tuple[bytes, bytes]]:
    for attribute in fields_around(data, start, end, ATTRIBUTES, allowance):
        number, wire, _, value, stop = attribute
        if number == ATTRIBUTES and wire == LENGTH:
            allowance.spend(attribute)
            yield _pair(data, value, stop, allowance)


def _pair(data: bytes, start: int, end: int, allowance: Allowance) -> tuple[bytes, bytes]:
    found: dict[int, bytes] = {}
    for count, field in enumerate(fields(data, start, end)):
        if count == MOST_FIELDS:
            raise TooManyFields(f"an attribute of a resource has more than {MOST_FIELDS} fields")
        if count >= FIELDS:
            allowance.spend(field)
        found[field[0]] = data[field[3] : field[4]]
    return found.get(NAME, b""), found.get(VALUE, b"")


def _flat(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for name, value in pairs:
        yield name
        yield value
