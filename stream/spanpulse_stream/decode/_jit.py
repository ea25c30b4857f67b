"""The decorator every kernel of this package carries.

A kernel is compiled on its first call, cached on disk beside its module (or in numba's cache folder where that is
not writable), and releases the GIL. It checks its own bounds: numba does not, unless NUMBA_BOUNDSCHECK=1 is set
with an empty cache folder. A cached kernel is rebuilt when its own file changes, not when a kernel that it calls
does: after editing one of these modules remove the cache files (``*.nbi``, ``*.nbc``).
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Return ``function`` compiled by numba, cached and without the GIL."""
    return cast(F, njit(cache=True, nogil=True)(function))
