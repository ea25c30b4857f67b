"""The price books that claims name: the one in force, and those of claims that were made under another."""

from collections.abc import Callable, Iterable
from pathlib import Path

from spanpulse_stream.price import PriceBook, UnknownPriceVersion, keep_overrides

__all__ = ["PriceBooks"]


class PriceBooks:
    """Books by version; ``archive`` is the folder that keeps the operator's price files.

    ``elsewhere`` gives the texts of prices that other processes used. For one thread at a time but for ``current``.
    """

    def __init__(
        self, overrides: Path | None, archive: Path, *, elsewhere: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """Load the book in force. Raises OverrideError when the operator's file cannot be used."""
        self._archive = archive
        self._elsewhere = elsewhere
        self.current = PriceBook.load(overrides, archive=archive)
        self._other: PriceBook | None = None

    def of(self, version: str) -> PriceBook:
        """Return the book of a version. Raises UnknownPriceVersion."""
        if version == self.current.version:
            return self.current
        if self._other is None or self._other.version != version:
            self._other = self._find(version)
        return self._other

    def use(self, text: str) -> None:
        """Put the prices of a text in force. Raises OverrideError."""
        self.current = PriceBook.of_text(text, archive=self._archive)

    def _find(self, version: str) -> PriceBook:
        try:
            return PriceBook.for_version(version, archive=self._archive)
        except UnknownPriceVersion:
            for text in self._elsewhere():
                keep_overrides(text, self._archive)
            return PriceBook.for_version(version, archive=self._archive)
