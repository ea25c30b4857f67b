"""A stream of bytes cut into pieces, lines or length-delimited messages, and those into chunks.

Where a chunk ends is a function of the bytes alone: with the first piece that fills it. So a chunk's number names
its content, and a second run over the same file makes the same chunks. Nothing is parsed here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from spanpulse_stream.importing._errors import Torn

__all__ = [
    "CHUNK_BYTES",
    "LONGEST",
    "Piece",
    "Pieces",
    "Reads",
    "big_endian",
    "chunked",
    "lines",
    "split_lines",
    "varint",
]

MIB: Final = 1024 * 1024
CHUNK_BYTES: Final = 4 * MIB
CHUNK_PIECES: Final = 8192
LONGEST: Final = 64 * MIB  # of a line or a message, as much as one request may have
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
KEPT: Final = 64 * 1024  # bytes of a longer line, for its dead letter


class Reads(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One line or message: its number from 1, the byte it begins at, its bytes.

    ``size`` is what it has in the file: more than the bytes where it is longer than LONGEST. ``whole`` is false of a
    last line without a newline.
    """

    number: int
    start: int
    data: bytes
    size: int
    whole: bool = True


class Pieces:
    """The pieces of a stream; ``torn`` says, at the end, what is missing there."""

    def __init__(self, stream: Reads, cut: "Callable[[Reads, Pieces], Iterator[Piece]]") -> None:
        self._stream = stream
        self._cut = cut
        self.torn: Torn | None = None

    def __iter__(self) -> Iterator[Piece]:
        return self._cut(self._stream, self)


def lines(stream: Reads, _pieces: Pieces) -> Iterator[Piece]:
    """Give every line that is not blank, without its newline."""
    start = 0
    for number, (data, size, whole) in enumerate(split_lines(stream), 1):
        text = data.removeprefix(BYTE_ORDER_MARK) if number == 1 else data
        if text and not text.isspace():
            yield Piece(number, start, text, size, whole)
        start += size + 1


def split_lines(stream: Reads) -> Iterator[tuple[bytes, int, bool]]:
    """Give (line, its size, whether a newline ends it); of a line above LONGEST its beginning."""
    held: list[bytes] = []
    size = 0
    while block := stream.read(MIB):
        first, *others = block.split(b"\n")
        size += len(first)
        if size <= LONGEST:
            held.append(first)
        elif held:
            held = [b"".join(held)[:KEPT]]
        if others:
            yield b"".join(held), size, True
            *between, last = others
            for line in between:
                yield line, len(line), True
            held, size = [last], len(last)
    if size:
        yield b"".join(held), size, False


def big_endian(stream: Reads, pieces: Pieces) -> Iterator[Piece]:
    """Give messages behind their lengths in four bytes, the highest first."""
    return _delimited(stream, pieces, _four)


def varint(stream: Reads, pieces: Pieces) -> Iterator[Piece]:
    """Give messages behind their lengths as varints."""
    return _delimited(stream, pieces, _varint)


class _Window:
    """Bytes of a stream, as many as are asked for."""

    def __init__(self, stream: Reads) -> None:
        self._stream = stream
        self._held = b""
        self._at = 0
        self.position = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end."""
        if len(self._held) - self._at < size:
            parts, have = [self._held[self._at :]], len(self._held) - self._at
            while have < size and (block := self._stream.read(MIB)):
                parts.append(block)
                have += len(block)
            self._held, self._at = b"".join(parts), 0
        found = self._held[self._at : self._at + size]
        self._at += len(found)
        self.position += len(found)
        return found


def _delimited(stream: Reads, pieces: Pieces, length_of: Callable[[_Window], int | None]) -> Iterator[Piece]:
    window, number = _Window(stream), 0
    while True:
        begin, number = window.position, number + 1
        size = length_of(window)
        if size == -1:
            return
        place = f"message {number}, byte {begin}"
        if size is None or size > LONGEST:
            reason = "the file ends within a length" if size is None else f"{size} bytes is no length of a message"
            pieces.torn = Torn(place, reason)
            return
        start = window.position
        data = window.take(size)
        if len(data) < size:
            pieces.torn = Torn(place, f"the file ends after {len(data)} of its {size} bytes")
            return
        if data:
            yield Piece(number, start, data, size)


def _four(window: _Window) -> int | None:
    """Return a length, -1 at the end, None where the end cuts it."""
    head = window.take(4)
    return int.from_bytes(head, "big") if len(head) == 4 else None if head else -1


def _varint(window: _Window) -> int | None:
    """Return a length, -1 at the end, None where the end cuts it."""
    value = 0
    for place in range(5):
        byte = window.take(1)
        if not byte:
            return None if place else -1
        value |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return value
    return LONGEST + 1


def chunked(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Give the pieces in chunks of 4 MiB, or of one larger piece."""
    held: list[Piece] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += piece.size
        if size >= CHUNK_BYTES or len(held) >= CHUNK_PIECES:
            yield held
            held, size = [], 0
    if held:
        yield held
