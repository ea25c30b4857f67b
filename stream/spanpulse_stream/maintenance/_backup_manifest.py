"""The manifest of a backup: every file with its size and SHA-256, written last; and whether all of them are right.

Files of parts lie under `parts/`, by their content, and serve one backup after another; all else of a backup lies
under `state-N/`. A folder with a manifest holds one whole backup, and maybe pieces of a newer one that is being made.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from spanpulse_sinks.clickhouse import write_durably
from spanpulse_stream.operations import MaintenanceError

__all__ = ["FORMAT", "MANIFEST", "Kept", "Manifest", "Wrong", "check_files", "digest_of"]

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the backup: its path there, bytes, and SHA-256 in hex."""

    at: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A file of a backup that is not what the manifest says, and how; ``at`` is its path in the backup."""

    path: str
    what: str
    at: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole backup. ``files`` and ``links`` are by their path in the data folder, ``folders`` may be empty ones.

    ``identity`` is that of the log; None: of a version that did not note it.
    """

    program: str
    schema: int
    log: int
    made_at: str
    generation: int
    folders: tuple[str, ...]
    links: Mapping[str, str]
    files: Mapping[str, Kept]
    identity: int | None = None

    @property
    def digest(self) -> str:
        """A digest of all that it says."""
        return hashlib.sha256(json.dumps(self._fields(), sort_keys=True).encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(kept.size for kept in self.files.values())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Return the manifest of a backup. Raises MaintenanceError where there is none that this version can read."""
        try:
            found = json.loads((folder / MANIFEST).read_text("utf-8"))
        except FileNotFoundError:
            raise MaintenanceError(f"there is no backup in {folder}, or it was never finished") from None
        except OSError as error:
            raise MaintenanceError(f"{folder / MANIFEST} cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise _damaged(folder, "it is no JSON") from None
        if not isinstance(found, dict) or not isinstance(form := found.get("format"), int):
            raise _damaged(folder, "it has no format")
        if form > FORMAT:
            raise MaintenanceError(
                f"the backup {folder} was made by spanpulse {found.get('program')}, which is newer: upgrade spanpulse"
            )
        try:
            return TypeAdapter(Manifest).validate_python(found)
        except ValidationError as error:
            wrong = error.errors()[0]
            raise _damaged(folder, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all, and durably. Raises OSError."""
        write_durably(folder / MANIFEST, json.dumps({"format": FORMAT, **self._fields()}, indent=1))

    def _fields(self) -> dict[str, Any]:
        plain = ("program", "schema", "log", "made_at", "generation", "identity")
        found = {name: getattr(self, name) for name in plain}
        files = {path: asdict(kept) for path, kept in sorted(self.files.items())}
        return found | {"folders": list(self.folders), "links": dict(self.links), "files": files}


def _damaged(folder: Path, why: str) -> MaintenanceError:
    return MaintenanceError(f"the manifest of the backup {folder} is damaged: {why}; take another backup")


def check_files(folder: Path, manifest: Manifest, say: Callable[[int], None]) -> Iterator[Wrong]:
    """Read all files of a backup and yield those that are wrong; ``say`` hears of bytes read, and may raise."""
    for path, kept in sorted(manifest.files.items()):
        try:
            size, digest = digest_of(folder / kept.at, say)
        except OSError as error:
            yield Wrong(path, error.strerror or str(error), kept.at)
            continue
        if size != kept.size:
            yield Wrong(path, f"{size} bytes instead of {kept.size}", kept.at)
        elif digest != kept.sha256:
            yield Wrong(path, "other content than was backed up", kept.at)


def digest_of(path: Path, say: Callable[[int], None]) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            say(len(chunk))
    return size, digest.hexdigest()
