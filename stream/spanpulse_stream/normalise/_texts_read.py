"""Values as JSON and as plain objects: structures, or JSON that a string holds.

Bytes become base64, doubles that are not finite null. What a string holds is read as it is written, numbers of any
size included.
"""

from functools import reduce
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from spanpulse_stream.decode import ValueKind, decode_value
from spanpulse_stream.decode._memory import Buffer
from spanpulse_stream.json_text import json_bytes
from spanpulse_stream.normalise._logs_wire import ValueView
from spanpulse_stream.normalise._texts_json import OPEN_LISTS, write_json

__all__ = ["Raw", "object_of", "read_raw"]

Raw = bytes | str | None
"""A value: JSON (of a structure or a number), a text that may hold JSON, or none."""
Data = NDArray[np.uint8]

DEEPEST: Final = 100
"""Levels of JSON in a text that are read as structure, so that one text within another can be written again."""
WRITABLE: Final = 254  # levels that orjson writes
_NESTED: Final = frozenset({int(ValueKind.ARRAY), int(ValueKind.KVLIST)})


def read_raw(data: Data, values: ValueView, rows: NDArray[np.integer]) -> list[Raw]:
    """Return the values in these rows; none where the row is -1 or the value is empty."""
    there = np.flatnonzero(rows >= 0)
    at = rows[there]
    kinds = values.kind[at]
    nested = (kinds == ValueKind.ARRAY) | (kinds == ValueKind.KVLIST)
    texts = iter(_jsons(data, values, at[nested]))
    found: list[Raw] = [None] * len(rows)
    places = zip(
        there.tolist(), at.tolist(), kinds.tolist(), values.offset[at].tolist(), values.length[at].tolist(), strict=True
    )
    for place, row, kind, offset, length in places:
        if kind == ValueKind.STRING:
            found[place] = data[offset : offset + length].tobytes().decode()
        elif kind != ValueKind.EMPTY:
            text = next(texts) if kind in _NESTED else b""
            number = int(values.number[row])
            found[place] = text or json_bytes(decode_value(data, kind, offset, length, number))
    return found


def object_of(raw: Raw) -> Any:
    """Return a value as an object; a text that holds a JSON object or list as what it holds (`DEEPEST`)."""
    if isinstance(raw, bytes):
        return orjson.loads(raw)
    if raw is None or raw.lstrip()[:1] not in {"{", "["}:
        return raw
    try:
        value = orjson.loads(raw)
        if raw.count("{") + raw.count("[") > DEEPEST:
            orjson.dumps(reduce(lambda inner, _: [inner], range(WRITABLE - DEEPEST), value))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return raw
    return value


def _jsons(data: Data, values: ValueView, rows: NDArray[np.integer]) -> list[bytes]:
    """Return arrays and lists as JSON, empty where the kernel left them to Python."""
    if not len(rows):
        return []
    # Whole words are never read here, so the data need no padding.
    buffer = Buffer(data.ctypes.data, len(data))
    kind, offset, length = values.kind[rows], values.offset[rows], values.length[rows]
    start, lists = np.zeros(len(rows) + 1, np.int64), np.empty(OPEN_LISTS, np.int64)
    room = 2 * int(length.sum()) + 64
    while True:
        out = np.empty(room, np.uint8)
        room = write_json(buffer, kind, offset, length, lists, out, start)
        if room <= len(out):
            break
    joined, bounds = out[:room].tobytes(), start.tolist()
    return [joined[bounds[row] : bounds[row + 1]] for row in range(len(rows))]
