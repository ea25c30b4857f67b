"""Dead letters that hold a user or a trace: looked for in their bytes, which nothing could read as a whole.

An id counts where it is a value of its own: a text of protobuf, whose length stands before it, or a word between
others, in JSON or in a longer text. So a letter may be found that only speaks of the id; none is missed that holds it
as OTLP does.
"""

import json
import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.maintenance._erase_request import EraseRequest

__all__ = ["letters_with", "names_user"]

AT_ONCE = 16 * 1024 * 1024  # bytes of letters
PLACE = ("log_source", "log_offset", "ordinal", "received_day")


def letters_with(bench: Workbench, request: EraseRequest, where: str) -> Iterator[pa.Table]:
    """Yield the places of dead letters that hold the user or the trace, among those that meet ``where``.

    Columns: log_source, log_offset, ordinal, received_day. Raises QueryFailed.
    """
    if request.trace is not None:
        needle = (
            f"(position(bytes, unhex('{request.trace}')) > 0 OR positionCaseInsensitive(bytes, '{request.trace}') > 0)"
        )
        found = bench.read(f"{_select('')} WHERE {where} AND {needle}")
        if len(found):
            yield found
        return
    user = str(request.user)
    needles = " OR ".join(f"position(bytes, unhex('{form.hex()}')) > 0" for form in sorted(_forms(user)))
    candidates = bench.read(f"{_select(', length(bytes) AS size')} WHERE {where} AND ({needles}) ORDER BY ALL")
    for places in _portions(candidates):
        letters = bench.read(f"{_select(', bytes')} WHERE {where} AND ({', '.join(PLACE[:3])}) IN ({places})")
        mask = pa.array([names_user(bytes(letter), user) for letter in letters["bytes"].cast(pa.binary()).to_pylist()])
        if pc.any(mask).as_py():
            yield letters.filter(mask).select(PLACE)


def names_user(letter: bytes, user: str) -> bool:
    """Return whether the bytes hold the user's id as a value of its own."""
    plain = user.encode()
    if _varint(len(plain)) + plain in letter:
        return True
    return any(re.search(rb"(?<![\w.@+-])" + re.escape(form) + rb"(?![\w.@+-])", letter) for form in _forms(user))


def _forms(user: str) -> set[bytes]:
    """Return how the id may stand in bytes: as it is, or as JSON escapes it."""
    escaped = (json.dumps(user, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return {user.encode(), *(text.encode() for text in escaped)}


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _select(more: str) -> str:
    return f"SELECT log_source, log_offset, ordinal, toDate(received_at) AS received_day{more} FROM dead_letters"


def _portions(candidates: pa.Table) -> Iterator[str]:
    """Yield lists of (source, offset, ordinal), each of letters that fit into memory together."""
    portion: list[str] = []
    held = 0
    for row in candidates.to_pylist():
        if portion and held + row["size"] > AT_ONCE:
            yield ", ".join(portion)
            portion, held = [], 0
        portion.append(f"({row['log_source']}, {row['log_offset']}, {row['ordinal']})")
        held += row["size"]
    if portion:
        yield ", ".join(portion)
