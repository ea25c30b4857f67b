"""Dead letters that hold a user or a trace: looked for in their bytes, which nothing could read as a whole.

A letter is a user's where it states the id under a key that users' ids are read from, or where it is of a trace that
is erased whole. In what cannot be read even so far the id counts as a word anywhere: such letters may only speak of the
id, so they are marked (`BY_WORD`), and none is missed that holds the id as OTLP does.
"""

import json
import re
import struct
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.maintenance._erase_request import EraseRequest
from spanpulse_stream.maintenance._erase_walk import Broken, users_in

__all__ = ["BY_WORD", "letters_of_traces", "letters_with", "names_user"]

BY_WORD = "by word"

INTEGER = re.compile(r"-?[0-9]{1,19}")
DECIMAL = re.compile(r"-?[0-9]{1,17}\.[0-9]{1,17}(e[+-]?[0-9]{1,3})?")
# Of a span its first field, of a log record its ninth; \C is a byte.
TRACE_ID = r"'[\\x0a\\x4a]\\x10(\\C{16})'"
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
    needles = " OR ".join(
        f"position(bytes, unhex('{form.hex()}')) > 0" for form in sorted(_forms(user) | _numbers(user))
    )
    candidates = bench.read(f"{_select(', length(bytes) AS size')} WHERE {where} AND ({needles}) ORDER BY ALL")
    for places in _portions(candidates):
        letters = bench.read(f"{_select(', signal, bytes')} WHERE {where} AND ({', '.join(PLACE[:3])}) IN ({places})")
        contents = letters["bytes"].cast(pa.binary()).to_pylist()
        kinds = zip(letters["signal"].to_pylist(), letters["ordinal"].to_pylist(), contents, strict=True)
        how = pa.array([_how(user, content, signal, number) for signal, number, content in kinds], pa.string())
        found = letters.select(PLACE).append_column("response_id", how).filter(pc.is_valid(how))
        if len(found):
            yield found


def letters_of_traces(bench: Workbench, where: str, traces: str) -> pa.Table:
    """Return the places of letters with the id of one of some traces, a subquery for (tenant, trace_id).

    The columns are those of `letters_with`. Raises QueryFailed.
    """
    binary = f"arrayExists(id -> (tenant, lower(hex(id))) IN {traces}, extractAll(bytes, {TRACE_ID}))"
    text = f"arrayExists(id -> (tenant, lower(id)) IN {traces}, extractAll(bytes, '[0-9a-fA-F]{{32}}'))"
    return bench.read(f"{_select('')} WHERE {where} AND ({binary} OR {text})")


def _how(user: str, letter: bytes, signal: str, ordinal: int) -> str | None:
    """Return None where a letter is not the user's, '' where it states the id, `BY_WORD` where that is not sure."""
    try:
        return "" if user in users_in(letter, signal, whole=ordinal < 0) else None
    except Broken:
        return BY_WORD if names_user(letter, user) else None


def names_user(letter: bytes, user: str) -> bool:
    """Return whether the bytes hold the user's id as a value of its own."""
    plain = user.encode()
    if _varint(len(plain)) + plain in letter or any(number in letter for number in _numbers(user)):
        return True
    return any(re.search(rb"(?<![\w.@+-])" + re.escape(form) + rb"(?![\w.@+-])", letter) for form in _forms(user))


def _numbers(user: str) -> set[bytes]:
    """Return how an id that is a number may stand as a value of OTLP."""
    found = set()
    if INTEGER.fullmatch(user) and -(1 << 63) <= int(user) < 1 << 63:
        found.add(b"\x18" + _varint(int(user) % (1 << 64)))
    if DECIMAL.fullmatch(user):
        found.add(b"\x21" + struct.pack("<d", float(user)))
    return found


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
