"""How the interpreter and the C library of a process that only serves are set: fewer collections, fewer arenas.

Nothing depends on that but CPU time (a few percent) and resident memory (about 300 MB); what a platform does not
have is left as it is. Files are allowed as many as the system lets us: see `allow_files`.
"""

import ctypes
import gc
import sys
from importlib.abc import MetaPathFinder

__all__ = ["allow_files", "give_back_memory", "map_large_blocks", "settle", "tame_memory"]

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
ARENAS = 2
LARGE = 1024 * 1024  # bytes: above a message of a gateway (900 KB); below, each of them costs hundreds of page faults
MOST_FILES = 65_536  # some programs that are started go through all that may be open
YOUNG = 50_000  # objects until a collection of the youngest; batches make thousands that live for one batch


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas: pyarrow loads it wherever it is installed, and nothing here needs it."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 -- Python's
        """Refuse pandas alone. Raises ModuleNotFoundError."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is left out of processes that serve", name=fullname)


def tame_memory() -> None:
    """Have all threads share two arenas: what one thread frees is there for the next. Before threads start.

    pandas stays out: 45 MB and a third of a second of a start.
    """
    if not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())
    try:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    except (OSError, AttributeError):
        return


def map_large_blocks() -> None:
    """Have each large block mapped by itself, so that freeing it gives it back at once.

    glibc raises the threshold to the largest block that was freed; from then on the columns of a batch lie among small
    objects that outlive it, and a worker that drained a million spans kept a third more resident.
    """
    try:
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
    except (OSError, AttributeError):
        return


def allow_files() -> None:
    """Raise the number of files that may be open to what the system allows this process, or to `MOST_FILES`.

    Most systems begin with 1,024, which is as many connections as one server takes: strangers could use up all, and
    nothing would be left for Kafka, the database, monitoring and files.
    """
    try:
        import resource  # noqa: PLC0415 -- not on every platform

        now, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_FILES if allowed == resource.RLIM_INFINITY else min(allowed, MOST_FILES)
        if resource.RLIM_INFINITY != now < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, allowed))
    except (ImportError, OSError, ValueError):
        return


def give_back_memory() -> None:
    """Return to the system what is free between what is used: batches come in waves, and each leaves its holes.

    What circles hold is collected first: a process that is settled does that too seldom for errors that hold batches.
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return


def settle() -> None:
    """Leave what is there now out of all later collections, and collect less often. When everything has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)
