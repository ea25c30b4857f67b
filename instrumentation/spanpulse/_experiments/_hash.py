"""The hash of docs/assignment.md: where a user stands in an experiment, and what stands for a user in events.

Guarantee: the same as spanpulse's server, other languages and SQL compute from that page, for every text. Not
guaranteed: that a user cannot be found from the hash; who guesses an id can check it.
"""

from hashlib import sha256
from typing import Any, Final
from uuid import UUID

__all__ = ["POINT_BYTES", "digest_of", "prefix_of", "user_bytes", "user_hash"]

POINT_BYTES: Final = 4
"""A point is the number of that many first bytes of a digest, the highest byte first."""
HASH_BYTES: Final = 8
USER: Final = b"4:user"
VARIANT: Final = b"7:variant"


def user_bytes(user: Any) -> bytes | None:
    """Return the UTF-8 of a user's id; empty where there is none, None where it can be none.

    A lone surrogate, which has no UTF-8, counts as a question mark.
    """
    if isinstance(user, str):
        return user.encode("utf-8", "replace")
    if user is None:
        return b""
    if isinstance(user, int) and not isinstance(user, bool):
        return b"%d" % user
    return str(user).encode() if isinstance(user, UUID) else None


def prefix_of(salt: str) -> bytes:
    """Return what is hashed in front of the user."""
    said = salt.encode("utf-8", "replace")
    return b"%b%d:%b" % (VARIANT, len(said), said)


def digest_of(prefix: bytes, user: bytes) -> bytes:
    """Return the digest that a user's point begins, and which no other pair of salt and user has."""
    return sha256(b"%b%d:%b" % (prefix, len(user), user)).digest()


def user_hash(user: bytes) -> str:
    """Return what stands for a user, 16 hexadecimal digits; the last 6 bits are the user's bucket."""
    return digest_of(USER, user)[:HASH_BYTES].hex()
