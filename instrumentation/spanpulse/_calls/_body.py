"""The bytes of an answer, collected while an application reads them, and read as JSON once it has.

Guarantee: at most `MOST_BYTES` and the last `TAIL_BYTES` of an answer are held; what lies between is left out, and
nothing of it is guessed.
"""

import base64
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from spanpulse._calls._inflate import inflated
from spanpulse._shapes import Json

__all__ = ["MOST_BYTES", "TAIL_BYTES", "Collected", "read_events", "read_json", "read_usage"]

MOST_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 1 << 16  # a stream tells its usage at its end
USAGE: Final = re.compile(rb'"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})')
ID: Final = re.compile(rb'"id"\s*:\s*("(?:[^"\\]|\\.){1,200}")')
MODEL: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.){1,200}")')
MARK: Final = "\ufeff".encode()
FAILED: Final = re.compile(rb"(?:^|[\r\n])event: error[\r\n]")
FRAMED: Final = re.compile(rb'"bytes"\s*:\s*"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"')


class Collected:
    """Chunks of one answer, as they came."""

    __slots__ = ("_head", "_room", "_tail", "_tail_size", "cut")

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._room = MOST_BYTES
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.cut = False
        """Whether something was left out."""

    def add(self, chunk: bytes) -> None:
        """Hold a chunk, or in its time let go of one."""
        size = len(chunk)
        if size <= self._room and not self._tail:
            self._head.append(chunk)
            self._room -= size
            return
        self._tail.append(chunk)
        self._tail_size += size
        while self._tail_size > TAIL_BYTES and len(self._tail) > 1:
            self._tail_size -= len(self._tail.popleft())
            self.cut = True

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return MOST_BYTES - self._room + self._tail_size

    def parts(self) -> list[bytes]:
        """Return what is held: one text of bytes, or two where something between them was left out."""
        head, tail = b"".join(self._head), b"".join(self._tail)
        return [head, tail] if self.cut else [head + tail]


def read_events(parts: list[bytes], encoding: str = "") -> Iterator[Json]:
    """Yield the JSON objects of server-sent events, or of AWS's event stream, leaving out what is none.

    Where something was left out the event that it cut in two is. One whose name is `error` is one more object, for
    what it says may be none.
    """
    is_framed = parts[0].startswith(b"\0")  # a frame begins with its length
    for part in parts:
        body = inflated(part, encoding)
        for found in map(_loaded, _framed(body)) if is_framed else _sent(body.removeprefix(MARK)):
            if isinstance(found, dict):
                yield found
        if b"event: error" in body and FAILED.search(body):
            yield {"type": "error"}


def _framed(body: bytes) -> list[bytes]:
    """Return the events that frames hold: each has a JSON object with one in base 64."""
    return [base64.b64decode(match[1]) for match in FRAMED.finditer(body)]


def read_json(body: bytes, encoding: str = "") -> Json:
    """Return the JSON object of a body; of one that is too large its id, model and usage alone."""
    body = inflated(body, encoding)
    if len(body) > MOST_BYTES:
        return read_usage(body)
    found = _loaded(body)
    return found if isinstance(found, dict) else {}


def read_usage(body: bytes) -> Json:
    """Return id, model and usage alone: what is worth knowing of many vectors, or of half an answer."""
    found: Json = {}
    for name, pattern in (("id", ID), ("model", MODEL), ("usage", USAGE)):
        if match := pattern.search(body):
            found[name] = _loaded(match[1])
    return found


def _sent(body: bytes) -> Iterable[object]:
    """Return the values of events, most of which are a line each: as one list they are read in a third of the time."""
    lines = [line[5:] for line in body.splitlines() if line.startswith(b"data:")]
    lines = [line for line in lines if line.lstrip()[:1] == b"{"]
    found = _loaded(b"[%b]" % b",".join(lines))
    return found if isinstance(found, list) and len(found) == len(lines) else _one_by_one(body)


def _one_by_one(body: bytes) -> Iterator[object]:
    """Yield the values of events, some of which are several lines, or cut in two."""
    lines: list[bytes] = []
    for line in (*body.splitlines(), b""):
        if line.startswith(b"data:"):
            lines.append(line[5:])
        elif not line and lines:
            whole = _loaded(b"\n".join(lines))
            yield from map(_loaded, lines) if whole is None else [whole]
            lines = []


def _loaded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
