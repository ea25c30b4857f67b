"""A file to import, or standard input: its bytes, as many as it had when it was opened, and the digest of them.

What has no beginning to go back to is copied to a temporary file first, since an import is named by the digest of all
its bytes. A file that grows meanwhile is read up to where it was. Not guaranteed: anything about a file that is
rewritten in place while it is read.
"""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Self

from spanpulse_stream.importing._errors import FileEmpty, ImportFailed

__all__ = ["STDIN", "Source"]

STDIN: Final = "-"
BLOCK: Final = 1024 * 1024

Heard = Callable[[int], None]


class Source:
    """A file whose bytes are known: ``sha256`` in hexadecimal digits, ``size`` bytes; ``position`` is how far one is.

    Made by `open`; reads from its beginning to ``size``, then gives nothing.
    """

    def __init__(self, name: str, file: BinaryIO, size: int, sha256: str) -> None:
        self.name = name
        self.size = size
        self.sha256 = sha256
        self._file = file

    @classmethod
    def open(cls, name: str, heard: Heard = lambda _size: None) -> Self:
        """Open a path, or standard input for `-`; ``heard`` is told how many bytes were read. Raises ImportFailed."""
        file = _standard_input(heard) if name == STDIN else _opened(name, heard)
        file.seek(0)
        digest, size = hashlib.sha256(), 0
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            heard(size)
        if not size:
            file.close()
            raise FileEmpty(f"{name} is empty")
        file.seek(0)
        return cls(name, file, size, digest.hexdigest())

    @property
    def position(self) -> int:
        """Bytes read since the beginning."""
        return self._file.tell()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that its place can be set."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place; the end is where it was when the file was opened."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self.size}[whence]
        return self._file.seek(base + offset)

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, or all; fewer at the end. Raises ImportFailed where the file became shorter."""
        left = max(0, self.size - self._file.tell())
        wanted = left if size < 0 else min(size, left)
        try:
            found = self._file.read(wanted)
        except OSError as error:
            raise ImportFailed(f"cannot read {self.name}: {error.strerror}") from None
        if len(found) < wanted:
            raise ImportFailed(f"{self.name} became shorter while it was read; import it when nothing writes to it")
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._file.closed


def _opened(name: str, heard: Heard) -> BinaryIO:
    try:
        file = Path(name).open("rb")  # noqa: SIM115 -- the source closes it
    except OSError as error:
        raise ImportFailed(f"cannot read {name}: {error.strerror}") from None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    with file:
        return _copied(name, file, heard)


def _standard_input(heard: Heard) -> BinaryIO:
    if sys.stdin.isatty():
        raise ImportFailed("standard input is a terminal; pipe a file into it")
    return _copied("standard input", sys.stdin.buffer, heard)


def _copied(name: str, stream: BinaryIO, heard: Heard) -> BinaryIO:
    """Return a temporary file, without a name, of what a stream gives."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 -- the source closes it
    size = 0
    try:
        while block := stream.read(BLOCK):
            size += copy.write(block)
            heard(size)
    except OSError as error:
        copy.close()
        reason = f"{error.strerror}; it is copied to {tempfile.gettempdir()}, which TMPDIR moves"
        raise ImportFailed(f"cannot read {name}: {reason}") from None
    return copy
