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

    ``fetch`` puts what other processes have used under a version into the archive, where there is such. Threads may
    ask, and one may change what is in force meanwhile; two that ask for another version may both load it.
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
        current, other = self.current, self._other  # each read once: another thread may put another one there
        if version == current.version:
            return current
        if other is None or other.version != version:
            other = self._other = self._find(version)
        return other

    def use(self, text: str) -> None:
        """Put the prices of a text in force. Raises OverrideError."""
        self.current = PriceBook.of_text(text, archive=self._archive)

    def _find(self, version: str) -> PriceBook:
        try:
            return PriceBook.for_version(version, archive=self._archive)
        except UnknownPriceVersion:
            self._fetch(version)
            return PriceBook.for_version(version, archive=self._archive)
