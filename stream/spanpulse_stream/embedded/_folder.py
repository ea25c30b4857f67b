"""The data folder: where things lie in it, and whether it can be used at all.

`log/` is the local log, `database/` the embedded ClickHouse, `prices/` the operator's price files by version.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spanpulse_stream.maintenance import RESTORING

__all__ = ["DataFolder", "FolderUnusable"]


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
    def prices(self) -> Path:
        """The price files that claims name."""
        return self.path / "prices"

    def sizes(self) -> dict[str, int]:
        """Return bytes on disk by part; files that go meanwhile count 0."""
        return {part: _size(self.path / part) for part in ("log", "database", "prices")}


def _size(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(root, name))  # noqa: PTH118 -- a hot loop over many files
            except OSError:
                continue
            if found.st_nlink:
                total += found.st_blocks * 512 // found.st_nlink
    return total
