"""The price books that claims name: the one in force, and those of claims that were made under another."""

from pathlib import Path

from spanpulse_stream.price import PriceBook

__all__ = ["PriceBooks"]


class PriceBooks:
    """Books by version; ``archive`` is the folder that keeps the operator's price files. One thread at a time."""

    def __init__(self, overrides: Path | None, archive: Path) -> None:
        """Load the book in force. Raises OverrideError when the operator's file cannot be used."""
        self._archive = archive
        self.current = PriceBook.load(overrides, archive=archive)
        self._other: PriceBook | None = None

    def of(self, version: str) -> PriceBook:
        """Return the book of a version. Raises UnknownPriceVersion."""
        if version == self.current.version:
            return self.current
        if self._other is None or self._other.version != version:
            self._other = PriceBook.for_version(version, archive=self._archive)
        return self._other
