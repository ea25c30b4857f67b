"""How much disk is left, in three steps: what the receiver asks before it takes more.

The engine ignores a disk that fills up while it writes a part, so two floors stand before that: ``low`` answers
429 and makes the writer read back what it wrote, ``full`` is where the engine refuses an insert.
"""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

__all__ = ["DiskState", "disk_state", "free_bytes"]

GIB = 1024**3


class DiskState(StrEnum):
    """``low`` is below the floor, ``full`` below what an insert needs."""

    OK = "ok"
    LOW = "low"
    FULL = "full"


def free_bytes(path: Path) -> int:
    """Return the bytes that this user may still write on the file system of ``path``; raises OSError."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def disk_state(
    path: Path, *, floor: int = GIB, full: int = GIB // 4, free: Callable[[Path], int] = free_bytes
) -> DiskState:
    """Return the state of the file system of ``path``; ``floor`` and ``full`` are free bytes. Raises OSError."""
    left = free(path)
    if left < full:
        return DiskState.FULL
    return DiskState.LOW if left < floor else DiskState.OK
