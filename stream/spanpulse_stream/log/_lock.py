"""One process at a time may have a log open: a lock on a file, which the system takes back when its owner dies."""

import contextlib
import fcntl
import os
from pathlib import Path

from spanpulse_stream.log._records import LogInUse, LogUnusable

__all__ = ["FolderLock"]

LONGEST_PID = 20


class FolderLock:
    """Holds a folder until `release`. Not guaranteed on network file systems that do not know locks."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises LogInUse, LogUnusable."""
        path = folder / "lock"
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LogUnusable(
                f"cannot write to the log folder {folder}: {error.strerror}; make it writable, or name another"
            ) from None
        try:
            self._lock(folder)
        except BaseException:
            os.close(self._file)
            raise
        with contextlib.suppress(OSError):  # on a full disk the owner has no name
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, b"%d" % os.getpid(), 0)

    def release(self) -> None:
        """Let others have the folder."""
        os.close(self._file)

    def _lock(self, folder: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._owner()
            who = f"process {pid}" if pid else "another process"
            raise LogInUse(f"the log {folder} is in use by {who}; stop it, or use another folder", pid) from None
        except OSError as error:
            raise LogUnusable(f"cannot lock the log folder {folder}: {error.strerror}; use a local disk") from None

    def _owner(self) -> int | None:
        written = os.pread(self._file, LONGEST_PID, 0)
        return int(written) if written.isdigit() else None
