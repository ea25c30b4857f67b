"""The hash of docs/assignment.md over columns of users: points, hashes, buckets.

Each distinct user is hashed once, which takes about a microsecond; the rest is arrays. What is NULL or empty is no
user. Guarantee: the same as `spanpulse.variant` in the application, for every text.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words

__all__ = ["BUCKETS", "NO_USER", "buckets", "points", "user_hashes"]

BUCKETS: Final = 64
NO_USER: Final = 255
"""The bucket of rows without a user."""

POINT_BYTES, HASH_BYTES = 4, 8


def points(users: list[str], salt: str) -> NDArray[np.uint64]:
    """Return the point of each user, 0 to 2**32 - 1."""
    digests = _digests(_field("variant") + _field(salt), users)
    return np.frombuffer(b"".join(each[:POINT_BYTES] for each in digests), ">u4").astype(np.uint64)


def user_hashes(users: Words) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return what stands for the user of each row, and which rows have one; the hash of the others is 0."""
    digests = _digests(_field("user"), users.values)
    each = np.frombuffer(b"".join(digest[:HASH_BYTES] for digest in digests), ">u8").astype(np.uint64)
    known = has_user(users)
    hashes = np.zeros(len(known), np.uint64)
    hashes[known] = each[users.codes[known]]
    return hashes, known


def buckets(users: Words) -> NDArray[np.uint8]:
    """Return the bucket of the user of each row, 0 to 63; `NO_USER` where there is none."""
    hashes, known = user_hashes(users)
    return np.where(known, hashes % np.uint64(BUCKETS), NO_USER).astype(np.uint8)


def has_user(users: Words) -> NDArray[np.bool_]:
    """Tell which rows have a user whose id is not empty."""
    is_user = np.array([*map(bool, users.values), False], np.bool_)  # code -1 is the last
    return is_user[users.codes]


def _digests(prefix: bytes, users: Iterable[str]) -> Iterable[bytes]:
    return (sha256(prefix + _field(user)).digest() for user in users)


def _field(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return b"%d:%b" % (len(encoded), encoded)
