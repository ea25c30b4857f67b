"""The key of a message: a hash of the resource that its records come from.

A process's retries have its resource and so reach the partition that knows what came before. The key does not
depend on the order of attributes. Where a resource names no instance, host or process, the sender's address is
part of the key, so that a thousand hosts with one service name spread over the partitions.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from spanpulse_stream.gateway._wire import LENGTH, TooManyFields, fields, fields_around, varint

__all__ = ["partition_of", "resource_key"]

KEY_BYTES = 16
RESOURCE, SCOPES = 1, 2  # fields of ResourceSpans and ResourceLogs
ATTRIBUTES = 1  # field of Resource
NAME, VALUE = 1, 2  # fields of KeyValue
MOST_FIELDS = 100  # of a KeyValue; there are two, and a parser takes the last of each
PROCESS_NAMES = frozenset({b"service.instance.id", b"host.name", b"host.id", b"process.pid"})


def resource_key(data: bytes, start: int, end: int, peer: str) -> bytes:
    """Return the key of the ResourceSpans or ResourceLogs in ``data[start:end]``; ``peer`` is an address, no port.

    Raises TooManyFields.
    """
    pairs = sorted(
        pair
        for number, wire, _, value, stop in fields_around(data, start, end, SCOPES)
        if number == RESOURCE and wire == LENGTH
        for pair in _attributes(data, value, stop)
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


def _attributes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for number, wire, _, value, stop in fields_around(data, start, end, ATTRIBUTES):
        if number == ATTRIBUTES and wire == LENGTH:
            pair: dict[int, bytes] = {}
            for count, (field, _, _, begin, last) in enumerate(fields(data, value, stop)):
                if count == MOST_FIELDS:
                    raise TooManyFields(f"an attribute of a resource has more than {MOST_FIELDS} fields")
                pair[field] = data[begin:last]
            yield pair.get(NAME, b""), pair.get(VALUE, b"")


def _flat(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for name, value in pairs:
        yield name
        yield value
