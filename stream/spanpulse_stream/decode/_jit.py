"""The decorator every kernel of this package carries: compiled on first call, without the GIL, cached on disk.

Numba renews a cached kernel when the text of its own file changes, but not when a kernel that it calls changes, and
fails on a cache that names a class which is gone. So the cache lives in a folder named after the text of the
whole package: ``__pycache__/decode-kernels-<digest>`` beside the sources, below NUMBA_CACHE_DIR where that is set,
or in the user's cache folder. Folders of other versions are removed. Where nothing is writable kernels are
compiled at every start. With NUMBA_BOUNDSCHECK=1 there is a cache of its own.
"""

import hashlib
import inspect
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from numba import config, njit

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Return ``function`` compiled by numba, cached and without the GIL."""
    folder = _cache_folder(Path(inspect.getfile(function)).parent)
    # Numba has no cache folder per function; it reads the setting once, while it decorates.
    before, config.CACHE_DIR = config.CACHE_DIR, folder
    try:
        return cast(F, njit(cache=bool(folder), nogil=True)(function))
    finally:
        config.CACHE_DIR = before


@cache
def _cache_folder(sources: Path) -> str:
    """Return the folder for the kernels in ``sources``, or an empty string if none can be made."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources.glob("*.py")))).hexdigest()[:16]
    prefix = f"{sources.name}-checked-" if config.BOUNDSCHECK else f"{sources.name}-kernels-"
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    parents = [Path(config.CACHE_DIR)] if config.CACHE_DIR else [sources / "__pycache__", home / "spanpulse"]
    for parent in parents:
        folder = parent / (prefix + digest)
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                _remove_others(folder, prefix)
        except (OSError, RuntimeError):
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return str(folder)
    return ""


def _remove_others(folder: Path, prefix: str) -> None:
    for other in folder.parent.glob(prefix + "*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
