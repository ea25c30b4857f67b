"""Text like ordinary answers: made of a word-frequency table and word pairs, never the same twice.

A word's successors are 64 draws by class and Zipf's law, so pairs repeat as in a language; a text is a walk over
that table. zstd (level 3) shrinks a megabyte of it about as much as English prose. It is grammatical at best
locally. One kernel writes bytes in place, ASCII, without quotes or backslashes, so it may stand inside JSON.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.jit import kernel
from spanpulse_stream.traffic._words import FOLLOWS, WORDS

__all__ = ["Writer"]

U8 = NDArray[np.uint8]
SLOTS: Final = 64
ZIPF: Final = 0.35
SEED: Final = 20_231_116
MULTIPLIER: Final = np.uint64(6364136223846793005)
SPACE: Final = 32
STOP: Final = 46
RARE: Final = (1 << 32) // 8
VOWELS: Final = np.frombuffer(b"aeiouyeaoiaeaeio", np.uint8)
CONSONANTS: Final = np.frombuffer(b"bcdfghklmnprstvz", np.uint8)
INCREMENT: Final = np.uint64(1442695040888963407)


@dataclass(frozen=True, slots=True)
class _Language:
    """Bytes of all words end to end, where each starts, and the successors of each; word 0 ends a sentence."""

    letters: U8
    start: NDArray[np.int32]
    next: NDArray[np.int16]  # (words, SLOTS)


class Writer:
    """Writes texts from one seed; two writers with the same seed write the same."""

    def __init__(self, seed: int) -> None:
        self._language = _language()
        self._state = np.array([seed * 2 + 1], np.uint64)

    def fill(self, target: U8, start: NDArray[np.int64], size: NDArray[np.int64]) -> None:
        """Overwrite the places of ``target`` that begin at ``start`` with texts of exactly ``size`` bytes."""
        if start.size and (int(start.min()) < 0 or int((start + size).max()) > target.size):
            raise IndexError("a text does not fit into its target")
        language = self._language
        _fill(target, start, size, language.letters, language.start, language.next, self._state)

    def text(self, size: int) -> str:
        """Return one text of ``size`` characters."""
        target = np.empty(size, np.uint8)
        self.fill(target, np.zeros(1, np.int64), np.full(1, size, np.int64))
        return target.tobytes().decode("ascii")


@kernel
def _fill(
    target: U8,
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    letters: U8,
    first: NDArray[np.int32],
    successors: NDArray[np.int16],
    state: NDArray[np.uint64],
) -> None:
    seed = state[0]
    for text in range(start.size):
        at, end = start[text], start[text] + size[text]
        word = np.int64(0)
        while at < end:
            seed = seed * MULTIPLIER + INCREMENT
            chance = np.int64(seed >> np.uint64(8))  # 56 bits, the best ones on top
            word = np.int64(successors[word, (chance >> 48) & (SLOTS - 1)])
            if word > 1 and at > start[text]:
                target[at] = SPACE
                at += 1
            begin = first[word]
            length = min(first[word + 1] - begin, end - at)
            for letter in range(length):
                target[at + letter] = letters[begin + letter]
            at += length
            if word > 1 and (chance & 0xFFFFFFFF) < RARE:
                # A name that no table has, as rare words make up much of a real text.
                length = min(3 + (chance & 4), end - at)
                for place in range(length):
                    sound = (chance >> (4 + 4 * place)) & 15
                    target[at + place] = CONSONANTS[sound] if place & 1 else VOWELS[sound]
                if length:
                    target[at] = SPACE
                at += length
        if size[text] > 0:
            target[end - 1] = STOP
    state[0] = seed


@cache
def _language() -> _Language:
    rng = np.random.default_rng(SEED)
    spelled, classes = _spell()
    names = sorted(set(classes))
    members = [np.flatnonzero([each == name for each in classes]) for name in names]
    successors = np.empty((len(spelled), SLOTS), np.int16)
    for rows, name in zip(members, names, strict=True):
        kinds = rng.choice(len(names), (rows.size, SLOTS), p=_shares(name, names))
        picked = np.empty(kinds.shape, np.int16)
        for kind, words in enumerate(members):
            here = kinds == kind
            picked[here] = _draw(rng, words, int(here.sum()))
        successors[rows] = picked
    letters = np.frombuffer("".join(spelled).encode("ascii"), np.uint8)
    return _Language(letters, np.cumsum([0, *map(len, spelled)], dtype=np.int32), successors)


def _spell() -> tuple[list[str], list[str]]:
    """Return the words and their classes; 0 is the full stop, 1 the comma, sentence starts are capitalised."""
    spelled, classes = [".", ","], ["end", "comma"]
    for name, words in WORDS.items():
        spelled += words
        classes += [name] * len(words)
        if name in FOLLOWS["start"]:
            spelled += [word.capitalize() for word in words]
            classes += [f"start:{name}"] * len(words)
    return spelled, classes


def _shares(name: str, names: list[str]) -> NDArray[np.float64]:
    """Return how often each class follows a class; what follows a full stop is capitalised."""
    weights = FOLLOWS[name.removeprefix("start:")]
    if name == "end":
        weights = {f"start:{kind}": weight for kind, weight in FOLLOWS["start"].items()}
    total = sum(weights.values())
    return np.array([weights.get(kind, 0) / total for kind in names], np.float64)


def _draw(rng: np.random.Generator, words: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Draw words of one class by Zipf's law, the first ones being the most frequent."""
    weights = np.arange(1, words.size + 1) ** -ZIPF
    return rng.choice(words, count, p=weights / weights.sum())
