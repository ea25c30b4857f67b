"""Room on the disk: how much is free, and a ballast that is thrown off when there is none.

A database on a full disk cannot even delete. So a file of real blocks is kept beside it; removing that gives the
log room to commit and trim, while appends are refused until the ballast fits again. Not guaranteed: that other
programs do not take the room first, and that a file system that compresses keeps room for zeros.
"""

import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

__all__ = ["Disk"]

logger = logging.getLogger(__name__)
MIB: Final = 1024 * 1024
CHUNK: Final = bytes(MIB)
TIGHT: Final = MIB  # bytes: with less free than this, opening a database or growing its index may fail
# Where there is no room for its shared memory, SQLite says that of a failed write or open.
VAGUE: Final = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


class Disk:
    """The disk of one folder. ``floor`` bytes are to stay free. For one thread, but for the properties."""

    def __init__(self, folder: Path, *, ballast: int, floor: int) -> None:
        self._folder = folder
        self._path = folder / "ballast"
        self._size = ballast
        self._floor = floor
        self._held = ballast == 0
        self.denied: str | None = None  # why nothing may be appended for now, for a reason beyond this disk
        if not ballast:
            self._path.unlink(missing_ok=True)
        elif self._path.exists():
            found = self._path.stat()
            self._held = found.st_size == ballast <= found.st_blocks * 512

    @property
    def free(self) -> int:
        """Bytes that this user may still write."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    @property
    def ballast_held(self) -> bool:
        """Whether there is a ballast to throw off (or none is wanted)."""
        return self._held

    @property
    def tight(self) -> bool:
        """Whether there is hardly a byte left."""
        return self.free < TIGHT

    def hold(self) -> None:
        """Take the ballast if it is not there and fits above the floor."""
        if not self._held:
            self._take(0)

    def refusal(self, need: int) -> str | None:
        """Return why ``need`` bytes may not be appended now, None if they may."""
        if self.denied is not None:
            return self.denied
        if not self._held and not self._take(need):
            return f"the disk that holds {self._folder} is full: {self.free // MIB} MiB are free"
        if (free := self.free) - need < self._floor:
            return (
                f"the disk that holds {self._folder} is nearly full: {free // MIB} MiB are free, "
                f"{self._floor // MIB} MiB are to stay free (disk_floor_bytes)"
            )
        return None

    def explains(self, error: sqlite3.Error) -> bool:
        """Return whether an operation failed because there is no room."""
        code = getattr(error, "sqlite_errorcode", 0)
        return code == sqlite3.SQLITE_FULL or (code & 0xFF in VAGUE and self.tight)

    def throw_off(self) -> bool:
        """Give the ballast's room back to the disk; return whether there was any."""
        if not self._size or not self._held:
            return False
        logger.warning("the disk that holds %s is full; giving back %d MiB", self._folder, self._size // MIB)
        self._path.unlink(missing_ok=True)
        self._held = False
        return True

    def _take(self, need: int) -> bool:
        """Take the ballast, if there is room for it and for ``need`` bytes above the floor."""
        if self.free - self._size - need < self._floor:
            return False
        try:
            _allocate(self._path, self._size)
        except OSError as error:
            logger.warning("no room for the ballast in %s: %s", self._folder, error.strerror)
            self._path.unlink(missing_ok=True)
            return False
        self._held = True
        return True


def _allocate(path: Path, size: int) -> None:
    """Make a file of ``size`` bytes that are really there. Raises OSError."""
    with path.open("wb", buffering=0) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS
            for start in range(0, size, len(CHUNK)):
                file.write(CHUNK[: size - start])
        os.fsync(file.fileno())
