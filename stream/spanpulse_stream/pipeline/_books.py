"""The price books that claims name: the one in force, and those of claims that were made under another.

Guarantee: what is in force is kept in the archive, the price list of the installed release too, so that the process
that follows an upgrade can finish what was claimed before it.
"""

from collections.abc import Callable
from pathlib import Path

from spanpulse_stream.price import PriceBook, UnknownPriceVersion, keep_list

__all__ = ["PriceBooks"]


def _nothing(_version: str) -> None:
    return None


class PriceBooks:
    """Books by version; ``archive`` is the folder that keeps price lists and the operator's price files.

    ``fetch`` puts what other processes have used under a version into the archive, where there is such. For one thread
    at a time but for ``current``.
    """

    def __init__(self, overrides: Path | None, archive: Path, *, fetch: Callable[[str], None] = _nothing) -> None:
        """Load the book in force. Raises OverrideError when the operator's file cannot be used, or OSError."""
        self._archive = archive
        self._fetch = fetch
        self.current = PriceBook.load(overrides, archive=archive)
        keep_list(archive)
        self._other: PriceBook | None = None

    def of(self, version: str) -> PriceBook:
        """Return the book of a version. Raises UnknownPriceVersion, or what ``fetch`` does."""
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
            self._fetch(version)
            return PriceBook.for_version(version, archive=self._archive)
