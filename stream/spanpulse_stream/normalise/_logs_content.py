"""The content key of each log record: what a repeated export is known by.

It covers the record, its scope and its resource, but neither the order of fields and attributes on the wire nor the
message that the record came in. Schema URLs do not enter it.
"""

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import Attributes, DecodedLogs
from spanpulse_stream.decode._memory import Buffer
from spanpulse_stream.normalise._logs_hash import FIELDS, FRAMES, PairView, hash_pairs, hash_records
from spanpulse_stream.normalise._logs_wire import ValueView, view_of

__all__ = ["content_keys"]

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]


def content_keys(decoded: DecodedLogs) -> U64:
    """Return the 128-bit keys (n, 2) of all records."""
    if not decoded.count:
        return np.zeros((0, 2), np.uint64)
    # Nothing here reads a word that is not wholly inside of a value, so the data need no padding.
    buffer = Buffer(decoded.data.ctypes.data, len(decoded.data))
    scopes, scope = decoded.scopes, decoded.scope
    parts = [
        _hashes(buffer, _bodies(decoded)),
        _hashes(buffer, _pairs(decoded.attributes)),
        _hashes(buffer, _pairs(decoded.resources))[decoded.resource],
        _hashes(buffer, _names(scopes.name_offset, scopes.name_length))[scope],
        _hashes(buffer, _names(scopes.version_offset, scopes.version_length))[scope],
        _hashes(buffer, _pairs(scopes.attributes))[scope],
    ]
    keys = np.empty((decoded.count, 2), np.uint64)
    fields = np.empty((FIELDS, 2), np.uint64)
    hash_records(buffer, decoded.record_offset, decoded.record_length.astype(np.int64), np.hstack(parts), fields, keys)
    return keys


def _hashes(buffer: Buffer, pairs: PairView) -> U64:
    out = np.empty((len(pairs.start) - 1, 2), np.uint64)
    hash_pairs(buffer, pairs, np.empty(FRAMES, np.int64), out)
    return out


def _pairs(attributes: Attributes) -> PairView:
    key_length = attributes.key_length.astype(np.int64)
    return PairView(attributes.start, attributes.key_offset, key_length, view_of(attributes.value))


def _bodies(decoded: DecodedLogs) -> PairView:
    """Return each body as the one pair of its record, under an empty key."""
    size = decoded.count
    return PairView(np.arange(size + 1), np.zeros(size, np.int64), np.zeros(size, np.int64), view_of(decoded.body))


def _names(offset: I64, length: I32) -> PairView:
    """Return each piece of text as the key of one pair without a value."""
    size = len(offset)
    none = np.zeros(size, np.int64)
    return PairView(np.arange(size + 1), offset, length.astype(np.int64), ValueView(none, none, none, none))
