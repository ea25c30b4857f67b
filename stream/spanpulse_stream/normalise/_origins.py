"""Where spans come from: the resource and its service and environment, and the emitter that wrote them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.decode import DecodedSpans, Value, decode_value
from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._json import scalar_text
from spanpulse_stream.normalise._tables import Scope, scope_of

__all__ = ["Emitters", "Resources", "read_emitters", "read_resources"]

LONGEST_NAME: Final = 1024
LONGEST_RESOURCE: Final = 16_384
"""Bytes of a resource that are compared with those of others."""
_ENVIRONMENT: Final = ("deployment.environment.name", "deployment.environment", "langfuse.environment")


@dataclass(frozen=True, slots=True)
class Resources:
    """Columns by span of what its resource says."""

    json: Words
    service_name: Words
    environment: Words


@dataclass(frozen=True, slots=True)
class Emitters:
    """Columns by span of what its instrumentation scope says."""

    name: Words
    version: Words
    dialect: NDArray[np.int32]
    rank: NDArray[np.uint8]
    exclusive: NDArray[np.bool_]


def read_resources(decoded: DecodedSpans, rows: NDArray[np.intp]) -> Resources:
    """Return what the resources of the spans ``rows`` say; each is read once, however many messages repeat it."""
    used, inverse = np.unique(decoded.resource[rows], return_inverse=True)
    first: dict[tuple[bytes, ...], int] = {}
    same = [first.setdefault(_encoding(decoded, owner), owner) for owner in used.tolist()]
    owners, places = np.unique(same, return_inverse=True)
    inverse = places[inverse]
    pairs = [_pairs(decoded, owner) for owner in owners.tolist()]
    return Resources(
        json=_words([json_bytes(each).decode() for each in pairs], inverse),
        service_name=_words([_text(each, ("service.name",)) for each in pairs], inverse),
        environment=_words([_text(each, _ENVIRONMENT) for each in pairs], inverse),
    )


def read_emitters(decoded: DecodedSpans, rows: NDArray[np.intp]) -> Emitters:
    """Return what the scopes of the spans ``rows`` say; each is read once."""
    used, inverse = np.unique(decoded.scope[rows], return_inverse=True)
    scopes = decoded.scopes
    names = [_cut(decoded, int(scopes.name_offset[each]), int(scopes.name_length[each])) for each in used]
    versions = [_cut(decoded, int(scopes.version_offset[each]), int(scopes.version_length[each])) for each in used]
    facts: list[Scope] = [scope_of(name) for name in names]
    return Emitters(
        name=_words([name or None for name in names], inverse),
        version=_words([version or None for version in versions], inverse),
        dialect=np.array([fact.dialect for fact in facts], np.int32)[inverse],
        rank=np.array([fact.rank for fact in facts], np.uint8)[inverse],
        exclusive=np.array([fact.exclusive for fact in facts], np.bool_)[inverse],
    )


def _encoding(decoded: DecodedSpans, owner: int) -> tuple[bytes, ...]:
    """Return bytes that are equal only for resources that say the same."""
    resources, values = decoded.resources, decoded.resources.value
    own = slice(int(resources.start[owner]), int(resources.start[owner + 1]))
    if own.start == own.stop:
        return ()
    keys, texts = resources.key_offset[own], values.offset[own]
    begin = int(keys.min())
    end = int(max((keys + resources.key_length[own]).max(), (texts + values.length[own]).max()))
    if end - begin > LONGEST_RESOURCE:
        return (b"", owner.to_bytes(8, "little"))
    shape = (keys - begin, resources.key_length[own], values.kind[own], values.length[own], values.number[own])
    # A number's value has no place in the data.
    offsets = np.where(values.length[own] > 0, texts - begin, 0)
    return (decoded.data[begin:end].tobytes(), offsets.tobytes(), *[each.tobytes() for each in shape])


def _pairs(decoded: DecodedSpans, owner: int) -> dict[str, Value]:
    resources, data = decoded.resources, decoded.data
    values, out = resources.value, {}
    for row in range(int(resources.start[owner]), int(resources.start[owner + 1])):
        start, length = int(resources.key_offset[row]), int(resources.key_length[row])
        out[data[start : start + length].tobytes().decode()] = decode_value(
            data, int(values.kind[row]), int(values.offset[row]), int(values.length[row]), int(values.number[row])
        )
    return out


def _text(pairs: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        if pairs.get(key) not in (None, ""):
            return scalar_text(pairs[key]).decode()[:LONGEST_NAME]
    return None


def _cut(decoded: DecodedSpans, offset: int, length: int) -> str:
    return decoded.data[offset : offset + min(length, LONGEST_NAME)].tobytes().decode(errors="ignore")


def _words(values: list[str | None] | list[str], inverse: NDArray[np.intp]) -> Words:
    places: dict[str, int] = {}
    codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
    return Words(np.array(codes, np.int32)[inverse], list(places))
