"""Where the control socket of a data folder lies, and binding it privately.

A Unix socket's path may have about 108 bytes (104 on macOS); a data folder with a longer one gets its socket
in a private folder of the system's temporary directory, named by a hash of the data folder's path.
"""

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

__all__ = ["bind_private", "remove", "socket_path"]

LONGEST = 100
NAME = "control.sock"
FOLDER = "spanpulse-"


def socket_path(data: Path) -> Path:
    """Return the path of the control socket that belongs to the data folder."""
    inside = data.resolve() / NAME
    if len(os.fsencode(inside)) <= LONGEST:
        return inside
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"{FOLDER}{os.getuid()}-{digest}" / NAME


def remove(path: Path) -> None:
    """Remove the socket, and the folder that was made for it alone."""
    path.unlink(missing_ok=True)
    if _is_shared(path):
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def bind_private(path: Path) -> socket.socket:
    """Return a listening-ready socket bound to ``path`` with mode 0600, replacing a dead one.

    Whoever calls holds the lock of the data folder, so a socket file that is there belongs to a dead process.
    Raises OSError; PermissionError where the folder belongs to somebody else.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # A link that somebody else laid in the shared folder would point wherever they like.
    parent = path.parent.lstat()
    if _is_shared(path) and (not stat.S_ISDIR(parent.st_mode) or parent.st_uid != os.getuid()):
        raise PermissionError(f"{path.parent} is no folder of this user; remove it, or use a shorter data path")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _is_shared(path: Path) -> bool:
    """Whether the socket's folder lies in the system's temporary directory."""
    return path.parent.parent == Path(tempfile.gettempdir()) and path.parent.name.startswith(FOLDER)
