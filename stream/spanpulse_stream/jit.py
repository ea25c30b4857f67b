"""How kernels are compiled: by numba, on first call, without the GIL, cached on disk.

A ``kernel`` is called from Python and from other kernels. An ``entry`` is called from Python only, a ``helper`` by
entries and helpers only; neither counts references to arrays (``_nrt``), which takes more than half of the time
where arrays are touched often: they must not allocate, keep or return one, and the caller holds what they work on.

Numba renews a cached kernel when the text of its own file changes, but not when a kernel that it calls changes, and
fails on a cache that names a class which is gone. So the cache lives in a folder named after the text of the
whole package: ``__pycache__/<package>-kernels-<digest>`` beside the sources, below NUMBA_CACHE_DIR where that is
set, or in the user's cache folder. Folders of other versions are removed. Where nothing is writable kernels are
compiled at every start. With NUMBA_BOUNDSCHECK=1 there is a cache of its own; without it nothing checks bounds.
"""

import hashlib
import inspect
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import config, njit

__all__ = ["entry", "helper", "is_compiled", "kernel"]

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Return ``function`` compiled and cached, for Python and other kernels."""
    return _cached(function)


def entry(function: F) -> F:
    """Return ``function`` compiled and cached, for Python; it counts no references."""
    return _cached(function, _nrt=False, no_cfunc_wrapper=True)


def helper(function: F) -> F:
    """Return ``function`` compiled, for entries and helpers; without what Python would need, in half of the time."""
    return cast(F, njit(nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def _cached(function: F, **options: Any) -> F:
    folder = cache_folder(Path(inspect.getfile(function)).parent)
    # Numba has no cache folder per function; it reads the setting once, while it decorates.
    before, config.CACHE_DIR = config.CACHE_DIR, folder
    try:
        return cast(F, njit(cache=bool(folder), nogil=True, **options)(function))
    finally:
        config.CACHE_DIR = before


@cache
def cache_folder(sources: Path) -> str:
    """Return the folder for the kernels in ``sources``, or an empty string if none can be made."""
    texts = [Path(__file__), *sorted(sources.glob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in texts)).hexdigest()[:16]
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


def is_compiled(sources: Path) -> bool:
    """Tell whether kernels of the package in ``sources`` are cached."""
    folder = cache_folder(sources)
    return bool(folder) and any(Path(folder).rglob("*.nbi"))  # numba makes a folder of its own in there


def _remove_others(folder: Path, prefix: str) -> None:
    for other in folder.parent.glob(prefix + "*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
