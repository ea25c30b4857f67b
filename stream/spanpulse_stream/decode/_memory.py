"""Loads from a block of memory by address, for kernels that read bytes one by one.

A numba array as an argument costs atomic reference counts in every function with more than one return; a `Buffer` is
two integers. Nothing is kept alive by it: its owner must outlive every call. Loads are checked only if
NUMBA_BOUNDSCHECK=1 was set when this module was imported (with an empty cache folder, as for numba's own arrays);
otherwise the caller guarantees ``0 <= pos < size``, for words too: they may reach into `PADDING` zero bytes behind.
"""

import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from spanpulse_stream.jit import kernel

PADDING: Final = 8

if sys.byteorder != "little":
    raise ImportError("the kernels read little-endian words; this machine is big-endian")


class Buffer(NamedTuple):
    """``size`` readable bytes at ``address``, and `PADDING` more."""

    address: int
    size: int

    @classmethod
    def of(cls, padded: NDArray[np.uint8]) -> "Buffer":
        """Return a view of a contiguous array whose last `PADDING` bytes are not data."""
        return cls(padded.ctypes.data, len(padded) - PADDING)


def _loader(bits: int, *, swap: bool = False) -> Callable[[int], int]:
    """Return an intrinsic that loads an unaligned integer as int64, byte-swapped if asked."""

    def typed(_context: Any, _address: Any) -> Any:
        def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            value = builder.load(pointer, align=1)
            return builder.zext(builder.bswap(value) if swap else value, ir.IntType(64))

        return types.int64(types.int64), emit

    return cast(Callable[[int], int], intrinsic(typed))


_load_byte = _loader(8)
_load_word = _loader(64)
_load_swapped = _loader(64, swap=True)

if config.BOUNDSCHECK:

    @kernel
    def _check(buffer: Buffer, pos: int, last: int) -> None:
        if pos < 0 or pos >= last or last > buffer.size + PADDING:
            raise IndexError("a kernel read outside of its buffer")

    @kernel
    def byte_at(buffer: Buffer, pos: int) -> int:
        """Return the byte at ``pos``, 0 to 255."""
        _check(buffer, pos, buffer.size)
        return _load_byte(buffer.address + pos)

    @kernel
    def word_at(buffer: Buffer, pos: int) -> int:
        """Return the 8 bytes at ``pos`` as a little-endian int64."""
        _check(buffer, pos, pos + 8)
        return _load_word(buffer.address + pos)

    @kernel
    def big_endian_at(buffer: Buffer, pos: int) -> int:
        """Return the 8 bytes at ``pos`` as a big-endian int64."""
        _check(buffer, pos, pos + 8)
        return _load_swapped(buffer.address + pos)

else:

    @kernel
    def byte_at(buffer: Buffer, pos: int) -> int:
        """Return the byte at ``pos``, 0 to 255."""
        return _load_byte(buffer.address + pos)

    @kernel
    def word_at(buffer: Buffer, pos: int) -> int:
        """Return the 8 bytes at ``pos`` as a little-endian int64."""
        return _load_word(buffer.address + pos)

    @kernel
    def big_endian_at(buffer: Buffer, pos: int) -> int:
        """Return the 8 bytes at ``pos`` as a big-endian int64."""
        return _load_swapped(buffer.address + pos)
