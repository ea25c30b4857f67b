"""The golden vectors of docs/assignment.md, and the code of both rooms behind one face."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from spanpulse._experiments._hash import POINT_BYTES, digest_of, prefix_of, user_bytes, user_hash
from spanpulse._experiments._weights import shares_of
from spanpulse_stream.assignment import Weights, assign, buckets, user_hashes
from spanpulse_stream.assignment._hash import points
from spanpulse_stream.columns import Words

__all__ = ["APPLICATION", "EXACT", "ROOMS", "STREAM", "VECTORS", "Room", "users_of"]

FILE: Final = Path(__file__).parent / "fixtures/assignment-vectors.json"
VECTORS: Final[dict[str, list[dict[str, Any]]]] = json.loads(FILE.read_text())
EXACT: Final[dict[str, list[dict[str, Any]]]] = json.loads(FILE.read_text(), parse_float=Decimal)
"""The same with decimals as they are written."""


@dataclass(frozen=True)
class Room:
    """One room's code; users and their results are lists."""

    points: Callable[[str, Sequence[str]], list[int]]
    hashes: Callable[[Sequence[str]], list[str | None]]
    buckets: Callable[[Sequence[str]], list[int | None]]
    ends: Callable[[Mapping[str, Any]], list[list[Any]]]
    """Raises ValueError."""
    variants: Callable[[str, Sequence[str], Mapping[str, Any]], list[str | None]]


def users_of(users: Sequence[str | None]) -> Words:
    """Return a column of users."""
    values = sorted({user for user in users if user is not None}, reverse=True)
    places = {user: place for place, user in enumerate(values)}
    return Words(np.array([-1 if user is None else places[user] for user in users], np.int32), values)


def _point(salt: str, user: str) -> int:
    return int.from_bytes(digest_of(prefix_of(salt), user_bytes(user) or b"")[:POINT_BYTES], "big")


def _bytes(user: str) -> bytes:
    return user_bytes(user) or b""


def _variants(salt: str, users: Sequence[str], weights: Mapping[str, Any]) -> list[str | None]:
    shares = shares_of(weights.items())
    return [shares.at(_point(salt, user)) if shares and user else None for user in users]


def _ends(weights: Mapping[str, Any]) -> list[list[Any]]:
    shares = shares_of(weights.items())
    return [list(each) for each in zip(shares.names, shares.cuts, strict=True)] if shares else []


APPLICATION: Final = Room(
    points=lambda salt, users: [_point(salt, user) for user in users],
    hashes=lambda users: [user_hash(_bytes(user)) if user else None for user in users],
    buckets=lambda users: [int(user_hash(_bytes(user)), 16) % 64 if user else None for user in users],
    ends=_ends,
    variants=_variants,
)


def _stream_hashes(users: Sequence[str]) -> list[str | None]:
    hashes, known = user_hashes(users_of(users))
    return [f"{each:016x}" if ok else None for each, ok in zip(hashes.tolist(), known.tolist(), strict=True)]


def _stream_ends(weights: Mapping[str, Any]) -> list[list[Any]]:
    shares = Weights.of(weights)
    return [list(each) for each in zip(shares.names, shares.cuts.tolist(), strict=True)]


STREAM: Final = Room(
    points=lambda salt, users: points(list(users), salt).tolist(),
    hashes=_stream_hashes,
    buckets=lambda users: [each if each < 64 else None for each in buckets(users_of(users)).tolist()],
    ends=_stream_ends,
    variants=lambda salt, users, weights: assign(users_of(users), salt, Weights.of(weights)).tolist(),
)

ROOMS: Final = {"application": APPLICATION, "stream": STREAM}
