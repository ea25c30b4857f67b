"""The key of a batch: a hash of the resource, the same that spanpulse's gateway gives to a message.

So what a process sends twice, or by two ways, is in one partition. It does not depend on the order of attributes. Where
a resource names no instance, host or process, the name of this host is part of the key.
"""

import socket
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

__all__ = ["resource_key"]

KEY_BYTES: Final = 16
PROCESS_NAMES: Final = frozenset({b"service.instance.id", b"host.name", b"host.id", b"process.pid"})


def resource_key(resource: Any) -> bytes:
    """Return the key of an OTLP Resource message: BLAKE2b over names and values, each behind its length."""
    pairs = sorted((each.key.encode(), each.value.SerializeToString()) for each in resource.attributes)
    digest = blake2b(digest_size=KEY_BYTES)
    for name, value in pairs:
        digest.update(bytes((*_varint(len(name)),)) + name + bytes((*_varint(len(value)),)) + value)
    if not any(name in PROCESS_NAMES for name, _ in pairs):
        digest.update(socket.gethostname().encode())
    return digest.digest()


def _varint(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number
