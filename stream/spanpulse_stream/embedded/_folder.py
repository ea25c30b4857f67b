"""The data folder: where things lie in it, and whether it can be used at all.

`log/` is the local log, `database/` the embedded ClickHouse, `prices/` the operator's price files by version;
`repairing.json` is there while a repair owes something.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spanpulse_stream.maintenance import RESTORING

__all__ = ["DataFolder", "FolderUnusable"]

PARTS = ("log", "database", "prices")


class FolderUnusable(Exception):  # noqa: N818 -- says what is wrong with the folder
    """The data folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths below one data folder."""

    path: Path

    @classmethod
    def prepare(cls, path: Path) -> "DataFolder":
        """Make the folder where it is missing, readable by its owner alone. Raises FolderUnusable."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except FileExistsError:
            raise FolderUnusable(f"{path} is a file, not a folder; name another with --data DIR") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise FolderUnusable(
                f"cannot write to the data folder {path}: {reason}; name another with --data DIR or SPANPULSE_DATA"
            ) from None
        if (path / RESTORING).exists():
            raise FolderUnusable(
                f"a restore into {path} was not finished: repeat `spanpulse restore`, or remove the folder"
            )
        return cls(path.resolve())

    @property
    def used(self) -> bool:
        """Whether a process has run on the folder."""
        return self.log.exists() or self.database.exists()

    @property
    def log(self) -> Path:
        """The local log."""
        return self.path / "log"

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.path / "database"

    @property
    def repair_note(self) -> Path:
        """What a repair at start owes."""
        return self.path / "repairing.json"

    @property
    def prices(self) -> Path:
        """The price files that claims name."""
        return self.path / "prices"

    def sizes(self) -> dict[str, int]:
        """Return bytes on disk by part, all else as `other`; files that go meanwhile count 0.

        What has several names, as while a backup is made, counts once, in the part that is looked at first.
        """
        counted: set[int] = set()
        found = {part: _size(self.path / part, counted) for part in PARTS}
        try:
            rest = [entry for entry in self.path.iterdir() if entry.name not in PARTS and not entry.is_symlink()]
        except OSError:
            rest = []
        return found | {"other": sum(_size(entry, counted) for entry in rest)}


def _size(place: Path, counted: set[int]) -> int:
    """Return the bytes of a file or folder without those that are ``counted`` already."""
    total = 0 if place.is_dir() else _blocks(str(place), counted)
    for root, _, names in os.walk(place):
        for name in names:
            total += _blocks(os.path.join(root, name), counted)  # noqa: PTH118 -- a hot loop over many files
    return total


def _blocks(path: str, counted: set[int]) -> int:
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    if found.st_nlink > 1:
        if found.st_ino in counted:
            return 0
        counted.add(found.st_ino)
    return found.st_blocks * 512
