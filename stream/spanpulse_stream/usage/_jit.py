"""How the kernels of this package are compiled: by numba, on first use, without the GIL.

Numba checks no bounds unless NUMBA_BOUNDSCHECK=1 is set. An ``entry`` is called from Python and cached on disk; it
is rebuilt when its own file changes, not when a ``kernel`` that it calls does: after editing one of those remove
the cache files (``*.nbi``, ``*.nbc``). A ``kernel`` is called by other kernels only; leaving out what Python would
need to call it saves half of the time to compile.

No kernel here allocates, keeps or returns an array, so none counts references (``_nrt``): the caller holds the
arrays while it runs. Counting them, atomically and at every access, took more than half of the time.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

__all__ = ["entry", "kernel"]

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Return ``function`` compiled, for use by other kernels."""
    return cast(F, njit(nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def entry(function: F) -> F:
    """Return ``function`` compiled, cached, and callable from Python."""
    return cast(F, njit(nogil=True, _nrt=False, cache=True, no_cfunc_wrapper=True)(function))
