"""`spanpulse restore`: a backup becomes a data folder again, whole or not at all.

Everything is copied below `restoring/` in the new folder, checked there, and moved to its place at the end; while
`restoring/` is there the folder cannot be started, and a restore that was killed goes on, with the backup it was begun
with; where that was renewed meanwhile it begins anew. No process runs on it.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from spanpulse_sinks.clickhouse import free_bytes, schema_version, write_durably
from spanpulse_stream.log import log_version, newest_log_version
from spanpulse_stream.maintenance._backup_manifest import Kept, Manifest, digest_of
from spanpulse_stream.operations import MaintenanceError, Progress

__all__ = ["RESTORING", "restore"]

RESTORING: Final = "restoring"
BEGUN: Final = "begun"  # in it, the digest of the manifest that it is a restore of
PLACES: Final = ("prices", "database", "log")
MENDED: Final = "`spanpulse backup DEST --verify` names all that is wrong, and the next backup copies it again"
CHUNK: Final = 1024 * 1024
SPARE: Final = 64 * 1024 * 1024
MEGABYTE: Final = 1_000_000
Report = Callable[[Progress], None]


def restore(source: Path, data: Path, report: Report) -> Manifest:
    """Make ``data``, missing or empty, the folder that is backed up in ``source``; returns the manifest.

    Raises MaintenanceError, which names what is wrong, or OSError; what was copied then helps the next attempt.
    """
    manifest = Manifest.read(source)
    _check_version(source, manifest)
    _check_place(source, data)
    aside = data / RESTORING
    try:
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MaintenanceError(f"cannot write to {data}: {error.strerror}; name another folder") from None
    _go_on(aside, manifest)
    _check_space(aside, manifest)
    _copy(source, aside, manifest, report)
    _check_copy(aside, manifest, report)
    os.sync()
    _move(aside, data)
    return manifest


def _check_version(source: Path, manifest: Manifest) -> None:
    if manifest.schema > (known := schema_version()):
        raise MaintenanceError(
            f"the backup {source} has schema {manifest.schema} and was made by spanpulse {manifest.program}; "
            f"this version knows schemas up to {known}: upgrade spanpulse"
        )
    if manifest.log > (newest := newest_log_version()):
        raise MaintenanceError(
            f"the backup {source} has a log of version {manifest.log} and was made by spanpulse {manifest.program}; "
            f"this version knows logs up to {newest}: upgrade spanpulse"
        )


def _check_place(source: Path, data: Path) -> None:
    """Raise MaintenanceError unless the folder is missing, empty or holds an unfinished restore."""
    if (
        not source.resolve().is_dir()
        or data.resolve() == source.resolve()
        or source.resolve() in data.resolve().parents
    ):
        raise MaintenanceError(f"the data folder {data} lies in the backup {source}; name another with --data DIR")
    if data.is_dir():
        names = {entry.name for entry in data.iterdir()}
        if names and not (RESTORING in names and names <= {RESTORING, *PLACES}):
            raise MaintenanceError(
                f"{data} is not empty: a backup is restored into a new folder, named with --data DIR"
            )
    elif data.exists():
        raise MaintenanceError(f"{data} is a file; name a folder with --data DIR")


def _go_on(aside: Path, manifest: Manifest) -> None:
    """Keep what an earlier run copied of this backup, and nothing of another. Raises MaintenanceError, OSError."""
    begun = aside / BEGUN
    if begun.is_file() and begun.read_text("utf-8", "replace") == manifest.digest:
        return
    if any((aside.parent / place).exists() for place in PLACES):
        raise MaintenanceError(
            f"the restore into {aside.parent} was begun with another backup and is nearly done: "
            "remove that folder, then restore again"
        )
    shutil.rmtree(aside)
    aside.mkdir(mode=0o700)
    write_durably(begun, manifest.digest)


def _check_space(aside: Path, manifest: Manifest) -> None:
    need = sum(kept.size for path, kept in manifest.files.items() if not _is_there(aside, path, kept)) + SPARE
    if (free := free_bytes(aside)) < need:
        raise MaintenanceError(
            f"the restored folder needs {need / MEGABYTE:,.0f} MB more, and {free / MEGABYTE:,.0f} MB are free"
        )


def _copy(source: Path, aside: Path, manifest: Manifest, report: Report) -> None:
    """Copy what is not there yet, and hold each file of the backup against the manifest on the way."""
    done = 0
    for folder in manifest.folders:
        _inside(aside, folder).mkdir(parents=True, exist_ok=True)
    for path, kept in manifest.files.items():
        if not _is_there(aside, path, kept):
            _copy_file(source / kept.at, _inside(aside, path), path, kept)
        done += kept.size
        report(Progress("copying", done / MEGABYTE, manifest.bytes / MEGABYTE, "MB"))
    for path, target in manifest.links.items():
        link = _inside(aside, path)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _copy_file(source: Path, target: Path, path: str, kept: Kept) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.copying")
    digest = hashlib.sha256()
    try:
        with source.open("rb") as read, beside.open("wb") as written:
            while chunk := read.read(CHUNK):
                digest.update(chunk)
                written.write(chunk)
    except FileNotFoundError:
        raise MaintenanceError(f"the backup is damaged: {path} ({source}) is missing; {MENDED}") from None
    if digest.hexdigest() != kept.sha256:
        beside.unlink()
        raise MaintenanceError(
            f"the backup is damaged: {path} ({source}) has another content than was backed up; {MENDED}"
        )
    beside.replace(target)


def _check_copy(aside: Path, manifest: Manifest, report: Report) -> None:
    """Read all that was copied again, by this run or an earlier one."""
    done = 0
    for path, kept in manifest.files.items():
        target = _inside(aside, path)
        if digest_of(target, lambda _bytes: None) != (kept.size, kept.sha256):
            target.unlink()
            raise MaintenanceError(f"{target} was not copied rightly; repeat the restore, and check the disk")
        done += kept.size
        report(Progress("checking", done / MEGABYTE, manifest.bytes / MEGABYTE, "MB"))
    log_version(_inside(aside, "log/log.sqlite3"))


def _move(aside: Path, data: Path) -> None:
    for name in PLACES:
        if (aside / name).exists():
            (aside / name).rename(data / name)
    shutil.rmtree(aside)


def _is_there(aside: Path, path: str, kept: Kept) -> bool:
    target = _inside(aside, path)
    return target.is_file() and target.stat().st_size == kept.size


def _inside(aside: Path, path: str) -> Path:
    """Return a place in the folder; where a part of it was moved already, that place. Raises MaintenanceError."""
    if path.startswith("/") or ".." in path.split("/"):
        raise MaintenanceError(f"the manifest names {path}, which lies outside a data folder")
    place = path.partition("/")[0]
    return (aside.parent if place in PLACES and (aside.parent / place).exists() else aside) / path
