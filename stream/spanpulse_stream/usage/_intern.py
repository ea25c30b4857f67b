"""Texts as small numbers: 0 is none, a number stays with its text until it is swept.

The owner sweeps with the numbers that it still holds, so the table is bounded by twice those and ``slack``.
"""

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Words

__all__ = ["Interner"]


class Interner:
    """A two-way table of texts and numbers."""

    def __init__(self, slack: int = 65_536) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = [""]
        self._free: list[int] = []
        self._slack = slack
        self._limit = slack

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, text: str) -> int:
        """Return the number of ``text``; the empty text is none."""
        if not text:
            return 0
        if (number := self._numbers.get(text)) is None:
            number = self._free.pop() if self._free else len(self._texts)
            self._numbers[text] = number
            if number == len(self._texts):
                self._texts.append(text)
            else:
                self._texts[number] = text
        return number

    def numbers(self, words: Words) -> NDArray[np.int32]:
        """Return the numbers of a column, 0 for NULL and ''."""
        table = np.zeros(len(words.values) + 1, np.int32)  # the last one is that of code -1
        codes = words.codes[words.codes >= 0]
        known, values = self._numbers, words.values
        for code in np.flatnonzero(np.bincount(codes, minlength=len(values))).tolist():
            number = known.get(values[code])
            table[code] = self.number(values[code]) if number is None else number
        return table[words.codes]

    def words(self, numbers: NDArray[np.int32]) -> Words:
        """Return a column of the texts of ``numbers``, NULL for 0."""
        held, codes = np.unique(numbers, return_inverse=True)
        first = 1 if held.size and held[0] == 0 else 0
        return Words((codes - first).astype(np.int32), [self._texts[number] for number in held[first:].tolist()])

    def sweep(self, held: NDArray[np.int32]) -> None:
        """Forget, if there are many, all texts whose numbers are not in ``held`` (any shape)."""
        if len(self._numbers) <= self._limit:
            return
        kept = np.zeros(len(self._texts), np.bool_)
        kept[held.ravel()] = True
        for number in np.flatnonzero(~kept[1:]) + 1:
            text = self._texts[number]
            if text:
                del self._numbers[text]
                self._texts[number] = ""
                self._free.append(int(number))
        self._limit = 2 * len(self._numbers) + self._slack
