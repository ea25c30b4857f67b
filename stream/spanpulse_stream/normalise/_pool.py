"""Texts by offset and length: those of the messages where they lie, new ones behind them; Arrow arrays from both."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.decode._memory import Buffer
from spanpulse_stream.normalise._forms import read_forms
from spanpulse_stream.normalise._kernels import gather, measure

__all__ = ["ABSENT", "Pool"]

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

ABSENT = -1
"""The length of a text that is not there."""
MOST_BYTES = 2**31 - 1


class Pool:
    """The data of a batch and what is added to it; an offset may point into either."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self._address = data.ctypes.data
        self._parts: list[bytes] = []
        self._end = len(data)
        self._more = np.empty(0, np.uint8)
        self._filled = 0

    def add(self, text: bytes) -> tuple[int, int]:
        """Keep a text; returns its offset and length."""
        offset = self._end
        self._parts.append(text)
        self._end += len(text)
        return offset, len(text)

    def add_array(self, texts: pa.Array) -> tuple[I64, I32]:
        """Keep the texts of an Arrow string array without NULLs; returns their offsets and lengths."""
        bounds = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
        content = texts.buffers()[2]
        base, _ = self.add(content.to_pybytes() if content else b"")
        return base + bounds[:-1].astype(np.int64), np.diff(bounds).astype(np.int32)

    def strings(self, offset: I64, length: I32, kind: pa.DataType | None = None) -> pa.Array:
        """Return texts as an Arrow string (or binary) array, NULL where the length is `ABSENT`.

        Raises OverflowError beyond 2 GiB.
        """
        size = len(length)
        start, valid = np.empty(size + 1, np.int32), np.zeros(size // 8 + 1, np.uint8)
        total, absent = measure(length, start, valid)
        if total > MOST_BYTES:
            raise OverflowError("the texts of a column of a batch exceed 2 GiB")
        if absent == size:
            return pa.nulls(size, kind or pa.string())
        out, more = np.empty(total, np.uint8), self._joined()
        gather(self._address, more.ctypes.data, len(self.data), offset, start, out.ctypes.data)
        buffers = [pa.py_buffer(valid) if absent else None, pa.py_buffer(start), pa.py_buffer(out)]
        return pa.Array.from_buffers(kind or pa.string(), size, buffers, absent)

    def words(self, offset: I64, length: I32) -> Words:
        """Return texts as coded words, NULL where the length is `ABSENT`."""
        if not (length >= 0).any():
            return Words.absent(len(length))
        coded = self.strings(offset, length).dictionary_encode()
        codes = np.frombuffer(coded.indices.buffers()[1], np.int32, len(length))
        return Words(np.where(length < 0, np.int32(-1), codes), coded.dictionary.to_pylist())

    def forms(self, offset: I64, length: I32) -> NDArray[np.uint8]:
        """Return the `Form` of texts, as far as they lie in the messages' data; of others nothing is known."""
        forms = np.zeros(len(length), np.uint8)
        own = np.where(offset < len(self.data), length, np.int32(ABSENT))
        if (own > 0).any():
            read_forms(Buffer(self._address, len(self.data)), offset, own, forms)
        return forms

    def text(self, offset: int, length: int) -> bytes:
        """Return one text."""
        if offset < len(self.data):
            return self.data[offset : offset + length].tobytes()
        offset -= len(self.data)
        return self._joined()[offset : offset + length].tobytes()

    def _joined(self) -> NDArray[np.uint8]:
        """Return what was added as one array, which grows by doubling."""
        if self._parts:
            new = np.frombuffer(b"".join(self._parts), np.uint8)
            self._parts = []
            end = self._filled + len(new)
            if end > len(self._more):
                grown = np.empty(2 * end, np.uint8)
                grown[: self._filled] = self._more[: self._filled]
                self._more = grown
            self._more[self._filled : end] = new
            self._filled = end
        return self._more
