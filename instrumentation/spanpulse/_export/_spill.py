"""Batches on disk, for when memory cannot hold what waits: one file each, in a folder of this process.

Folders are 0700, files 0600. Guarantee: a file is whole or not there (written aside and renamed, with a checksum);
processes that share the folder never touch each other's while both live, for each holds a lock on its own; what a dead
one has left is adopted by the next that looks. Together they hold ``most_bytes`` and what was written in the last
`LOOK_EVERY_S`. Not guaranteed: that files outlive a power cut; what is damaged is found and told.
"""

import os
import re
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanpulse._export._transport import Batch, Signal
from spanpulse._log import say_once

__all__ = ["Damaged", "Spill", "Spilled"]

LOOK_EVERY_S: Final = 10.0
CHECKSUM: Final = 4  # bytes in front of the body
LOCK: Final = "lock"
OWN: Final = re.compile(r"\d+-[0-9a-f]+-[0-9a-f]{8}")  # a folder of one process; nothing else is touched
NAME: Final = re.compile(r"(?P<first>\d{15})-(?P<signal>traces|logs)-(?P<count>\d{1,9})-(?P<key>[0-9a-f]{32})\.otlp")


class Damaged(Exception):  # noqa: N818 -- named by what happened to the file
    """A file cannot be read, or is not what was written."""


@dataclass(frozen=True, slots=True)
class Spilled:
    """A batch in a file; ``first`` is its place among those of its process."""

    path: Path
    first: int
    signal: Signal
    count: int
    key: bytes
    size: int

    def read(self) -> Batch:
        """Return the batch. Raises Damaged."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise Damaged(str(error)) from error
        body = content[CHECKSUM:]
        if content[:CHECKSUM] != _checksum(body):
            raise Damaged("the checksum is another")
        return Batch(self.signal, body, self.count, self.key)


class Spill:
    """The files of one process in ``folder``, and those that it adopted. Not safe to use from threads."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._own: Path | None = None
        self._locks: dict[Path, int] = {}
        self.files: deque[Spilled] = deque()
        """Own ones, the oldest first."""
        self.adopted: deque[Spilled] = deque()
        """Those of processes that are gone."""
        self._others = 0
        self._looked = -LOOK_EVERY_S

    def write(self, first: int, batch: Batch) -> bool:
        """Write a batch behind the others; tell whether there was room and a disk that took it."""
        size = len(batch.body) + CHECKSUM
        try:
            if self._used() + size > self._most_bytes:
                return False
            folder = self._own = self._own or self._make()
            name = f"{first:015d}-{batch.signal}-{batch.count}-{batch.key.hex()}.otlp"
            _write_aside(folder, name, _checksum(batch.body) + batch.body)
        except OSError as error:
            say_once(f"spans cannot be written to the spill folder ({type(error).__name__}: {error.strerror})")
            return False
        self.files.append(Spilled(folder / name, first, batch.signal, batch.count, batch.key, size))
        return True

    def adopt(self) -> list[Spilled]:
        """Take over the files of processes that are gone, and return them."""
        found: list[Spilled] = []
        with suppress(OSError):
            for folder in sorted(self._folder.iterdir()):
                if OWN.fullmatch(folder.name) and folder not in self._locks and self._lock(folder):
                    files = list(_files(folder))
                    found += files
                    if not files:
                        self._let_go(folder)
        self.adopted.extend(found)
        return found

    def remove(self, file: Spilled) -> None:
        """Delete a file that was sent or is lost, and its folder after the last one of an adopted folder."""
        for files in (self.files, self.adopted):
            with suppress(ValueError):
                files.remove(file)
        with suppress(OSError):
            file.path.unlink()
        folder = file.path.parent
        if folder != self._own and not any(each.path.parent == folder for each in self.adopted):
            self._let_go(folder)

    def close(self) -> None:
        """Leave what is not sent to the next process."""
        for folder in list(self._locks):
            if any(each.path.parent == folder for each in (*self.files, *self.adopted)):
                os.close(self._locks.pop(folder))
            else:
                self._let_go(folder)

    def forget(self) -> None:
        """In the child of a fork: the folders are the parent's, and so are their locks."""
        for lock in self._locks.values():
            with suppress(OSError):
                os.close(lock)
        self._locks.clear()

    def _make(self) -> Path:
        """Make the own folder, locked before others see it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{time.time_ns():x}-{os.urandom(4).hex()}"
        hidden, folder = self._folder / f".{name}", self._folder / name
        hidden.mkdir(mode=0o700)
        if not self._lock(hidden):
            raise OSError(0, "a new folder cannot be locked")
        hidden.rename(folder)
        self._locks[folder] = self._locks.pop(hidden)
        return folder

    def _lock(self, folder: Path) -> bool:
        """Lock a folder if no process has it; false for what is no such folder, or is no more."""
        import fcntl  # noqa: PLC0415 -- few processes need it

        lock = -1
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (folder / LOCK).stat().st_ino == os.fstat(lock).st_ino:  # or it was deleted while we opened it
                self._locks[folder] = lock
                return True
        except OSError:
            pass
        if lock >= 0:
            os.close(lock)
        return False

    def _let_go(self, folder: Path) -> None:
        with suppress(OSError):
            for path in (*folder.glob(".*.otlp"), folder / LOCK):
                path.unlink()
            folder.rmdir()
        if (lock := self._locks.pop(folder, None)) is not None:
            os.close(lock)

    def _used(self) -> int:
        """Bytes of all files; those of other processes as they were a moment ago."""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._looked = time.monotonic()
            self._others = sum(_size(path) for path in self._folder.glob("*/*.otlp") if path.parent not in self._locks)
        return self._others + sum(file.size for file in (*self.files, *self.adopted))


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(CHECKSUM, "big")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another process has just sent it
        return 0


def _write_aside(folder: Path, name: str, content: bytes) -> None:
    aside = folder / f".{name}"
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
        aside.rename(folder / name)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise


def _files(folder: Path) -> Iterator[Spilled]:
    for path in sorted(folder.iterdir()):
        if (told := NAME.fullmatch(path.name)) is not None:
            signal: Signal = "traces" if told["signal"] == "traces" else "logs"
            key = bytes.fromhex(told["key"])
            yield Spilled(path, int(told["first"]), signal, int(told["count"]), key, _size(path))
