"""Values as plain objects, as orjson reads them: from JSON, structures, or JSON in a string.

Bytes become base64, doubles that are not finite null; a number of any size stays a number.
"""

from base64 import b64encode
from collections.abc import Iterator
from functools import reduce
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from spanpulse_stream.decode import ValueKind, decode_value
from spanpulse_stream.decode._memory import Buffer
from spanpulse_stream.normalise._logs_wire import ValueView
from spanpulse_stream.normalise._texts_json import OPEN_LISTS, write_json

__all__ = ["parse_text", "read_objects", "read_plain"]

Data = NDArray[np.uint8]

DEEPEST: Final = 100
"""Levels of JSON that are read as structure, so that one text within another can still be written again."""
WRITABLE: Final = 254  # levels that orjson writes
_NESTED: Final = frozenset({int(ValueKind.ARRAY), int(ValueKind.KVLIST)})


def read_objects(data: Data, values: ValueView, rows: NDArray[np.integer]) -> Iterator[Any]:
    """Yield the values in these rows, None where the row is -1.

    A string that holds a JSON object or list counts as what it holds. Objects are made one by one, for a batch of
    them would only keep the garbage collector busy.
    """
    kinds = np.where(rows >= 0, values.kind[rows] if len(values.kind) else 0, ValueKind.EMPTY)
    nested = (kinds == ValueKind.ARRAY) | (kinds == ValueKind.KVLIST)
    texts = iter(_jsons(data, values, rows[nested]))
    for row, kind in zip(rows.tolist(), kinds.tolist(), strict=True):
        if kind == ValueKind.STRING:
            offset, length = values.offset[row], values.length[row]
            yield parse_text(data[offset : offset + length].tobytes().decode())
        elif kind in _NESTED:
            text = next(texts)
            yield orjson.loads(text) if text else read_plain(data, values, row)
        else:
            yield None if kind == ValueKind.EMPTY else read_plain(data, values, row)


def parse_text(text: str) -> Any:
    """Return the object or list that a text holds as JSON (at most `DEEPEST` deep), or the text itself."""
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        value = orjson.loads(text)
        if text.count("{") + text.count("[") > DEEPEST:
            orjson.dumps(reduce(lambda inner, _: [inner], range(WRITABLE - DEEPEST), value))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return text
    return value


def _jsons(data: Data, values: ValueView, rows: NDArray[np.integer]) -> list[bytes]:
    """Return arrays and lists as JSON, empty where the kernel left them."""
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


def read_plain(data: Data, values: ValueView, row: int) -> Any:
    """Return one value, of any kind, as an object that JSON has a form for."""
    kind, offset, length = values.kind[row], values.offset[row], values.length[row]
    value = decode_value(data, int(kind), int(offset), int(length), int(values.number[row]))
    return orjson.loads(orjson.dumps(value, default=_encode))


def _encode(value: object) -> str:
    """Return what JSON has no form for; only bytes come here."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError
