"""Maps: experiments, tags, and every attribute that no column took over, as texts."""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.decode import ValueKind
from spanpulse_stream.normalise._json import scalar_text
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Family

__all__ = ["attributes_map", "family_map"]

_MAP: Final = pa.map_(pa.string(), pa.string())


def attributes_map(resolved: Resolved) -> pa.Array:
    """Return a map<string, string> column of the attributes that are not marked as taken."""
    keep = _owned(resolved) & ~resolved.repeated & ~resolved.taken
    return _map(resolved, np.flatnonzero(keep), 0)


def family_map(resolved: Resolved, family: Family, prefix: str) -> pa.Array:
    """Return a map<string, string> column of a family's attributes, without the start of their keys; takes them."""
    if not (resolved.families & np.uint32(1 << family)).any():
        nothing = pa.array([], pa.string())
        return pa.MapArray.from_arrays(np.zeros(resolved.spans.size + 1, np.int32), nothing, nothing)
    index = np.flatnonzero(resolved.family == family)
    resolved.taken[index] = True
    return _map(resolved, index, len(prefix))


def _owned(resolved: Resolved) -> NDArray[np.bool_]:
    """Tell which attributes are of accepted spans."""
    start, rows = resolved.spans.decoded.attributes.start, resolved.spans.rows
    if len(rows) == len(start) - 1:
        return np.ones(len(resolved.taken), np.bool_)
    owner = np.zeros(len(start) - 1, np.bool_)
    owner[rows] = True
    return np.repeat(owner, np.diff(start))


def _map(resolved: Resolved, index: NDArray[np.intp], skip: int) -> pa.Array:
    """Return the attributes ``index`` by span, the first ``skip`` bytes of keys left out."""
    spans = resolved.spans
    attributes, pool = spans.decoded.attributes, spans.pool
    first, last = attributes.start[:-1][spans.rows], attributes.start[1:][spans.rows]
    bounds = np.zeros(spans.size + 1, np.int32)
    bounds[1:] = np.cumsum(np.searchsorted(index, last) - np.searchsorted(index, first))
    keys = pool.strings(attributes.key_offset[index] + skip, attributes.key_length[index] - np.int32(skip))
    return pa.MapArray.from_arrays(bounds, keys, pool.strings(*_texts(resolved, index)))


def _texts(resolved: Resolved, index: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return attributes' values as texts."""
    values, pool = resolved.spans.decoded.attributes.value, resolved.spans.pool
    kind, offset, length = values.kind[index], values.offset[index], values.length[index]
    for number, type_ in ((ValueKind.INT, pa.int64()), (ValueKind.BOOL, pa.bool_())):
        where = np.flatnonzero(kind == number)
        if where.size:
            plain = pa.array(values.number[index[where]]).cast(type_).cast(pa.string())
            offset[where], length[where] = pool.add_array(plain)
    doubles = np.flatnonzero(kind == ValueKind.DOUBLE)
    if doubles.size:  # few differ, and only Python writes them as JSON has them
        bits, inverse = np.unique(values.number[index[doubles]], return_inverse=True)
        each = [pool.add(scalar_text(number)) for number in bits.view(np.float64).tolist()]
        offset[doubles], length[doubles] = np.array(each, np.int64)[inverse].T
    for place in np.flatnonzero((kind > ValueKind.DOUBLE) | (kind == ValueKind.EMPTY)).tolist():
        offset[place], length[place] = pool.add(scalar_text(resolved.value_at(int(index[place]))))
    return offset, length
