"""The data folder of a worker: it keeps the price lists that batches are priced by, and nothing else.

Looked at before anything is waited for, so that a person hears of a folder that cannot be written to by its path. Not
guaranteed: that there is room later.
"""

import tempfile
from pathlib import Path

from spanpulse_stream.settings import SettingsError

__all__ = ["cannot_write", "check_folder"]

BLOCK = bytes(64 * 1024)  # a disk that is full still takes a file of nothing


def check_folder(path: Path) -> None:
    """Make the folder where it is missing, and write to it. Raises SettingsError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(BLOCK)
            file.flush()
    except OSError as error:
        raise SettingsError(cannot_write(path, error)) from None


def cannot_write(path: Path, error: OSError) -> str:
    """Return what is wrong, and what to do."""
    return (
        f"cannot write to the data folder {path}: {error.strerror or error}; the worker keeps price lists there: "
        "make room or mend its permissions, or name another folder with SPANPULSE_DATA"
    )
