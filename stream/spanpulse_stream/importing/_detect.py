"""What a file holds, told by its first bytes; the name of the file plays no part but for text that may be a table.

Of two framings that fit, the one counts that more messages bear out; where none does, the format must be named.
"""

import codecs
import re
from collections.abc import Callable
from typing import Final, Literal, get_args

from spanpulse_stream.importing._errors import ImportFailed
from spanpulse_stream.importing._inflate import GZIP, ZSTD
from spanpulse_stream.importing._pieces import LONGEST

__all__ = ["FORMATS", "HEAD", "Format", "detect"]

Format = Literal["json", "proto", "proto-varint", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
HEAD: Final = 256 * 1024  # bytes that are looked at
PARQUET: Final = b"PAR1"
FRAMES: Final = 4  # messages whose beginnings are looked at
REQUEST_BEGINS: Final = (b"\x0a", b"{")  # the first field of every request, or JSON
DELIMITERS: Final = b",;\t|"
UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NULS: Final = re.compile(rb"(?:[\t -~]\0){8}|(?:\0[\t -~]){8}")  # text in UTF-16 without its mark
ALONE: Final = re.compile(rb"\{\s*\n")
BLANKS: Final = b" \t\r\n\xef\xbb\xbf"


def detect(begin: bytes, name: str) -> Format:
    """Return the format of a file that begins with ``begin``, decompressed. Raises ImportFailed."""
    if begin.startswith(PARQUET):
        return "parquet"
    if begin.startswith((GZIP, ZSTD)):
        raise ImportFailed(f"{name} was compressed twice; decompress it once")
    if begin.startswith(UTF_16) or NULS.match(begin):
        raise ImportFailed(f"{name} is UTF-16; convert it: iconv -f UTF-16 -t UTF-8 {name}")
    text = begin.lstrip(BLANKS)
    if text.startswith(b"{"):
        if ALONE.match(text):
            raise ImportFailed(f"{name} is JSON over many lines; one request a line is wanted: jq -c . {name}")
        return "json"
    if text.startswith(b"["):
        raise ImportFailed(f"{name} is one list of JSON; one request a line is wanted: jq -c '.[]' {name}")
    four, varint = _frames(begin, _four), _frames(begin, _varint)
    if four != varint:
        return "proto" if four > varint else "proto-varint"
    if not four and _is_table(begin):
        return "csv"
    raise ImportFailed(
        f"cannot tell what {name} is; name it with --format: json (OTLP, one request a line), proto (each message "
        "behind its length in 4 bytes), proto-varint (behind a varint), csv or parquet"
    )


def _four(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + 4], "big"), at + 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(5):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    return LONGEST + 1, at


def _frames(data: bytes, length_at: Callable[[bytes, int], tuple[int, int]]) -> int:
    """Return how many messages, up to FRAMES, begin where the lengths before them say, as requests do."""
    at = found = 0
    while at < len(data) and found < FRAMES:
        try:
            size, start = length_at(data, at)
        except IndexError:
            break
        message = data[start : start + size]
        if not 0 < size <= LONGEST or not (message[:1] in REQUEST_BEGINS or message.startswith(ZSTD)):
            break
        at, found = start + size, found + 1
    return found


def _is_table(data: bytes) -> bool:
    """Tell text whose first line has a delimiter."""
    first = data.partition(b"\n")[0]
    try:
        first.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data and any(mark in first for mark in DELIMITERS)
