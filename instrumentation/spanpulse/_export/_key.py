"""The key of a batch: a hash of the resource, the same that spanpulse's gateway gives to a message.

So what a process sends twice, or by two ways, is in one partition. It does not depend on the order of attributes. Where
a resource names no instance, host or process, the name of this host is part of the key.
"""

import socket
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from spanpulse._export._wire import field

__all__ = ["resource_key"]

KEY_BYTES: Final = 16
PROCESS_NAMES: Final = frozenset({b"service.instance.id", b"host.name", b"host.id", b"process.pid"})


def resource_key(attributes: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the key of a resource's names and values (AnyValue): BLAKE2b over them, each behind its length."""
    pairs = sorted(attributes)
    digest = blake2b(digest_size=KEY_BYTES)
    for name, value in pairs:
        digest.update(field(b"", name) + field(b"", value))
    if not any(name in PROCESS_NAMES for name, _ in pairs):
        digest.update(socket.gethostname().encode())
    return digest.digest()
