"""`spanpulse backup`: the data folder as it was between two batches, copied while it goes on.

Links to the database's parts and a snapshot of the log are taken in one moment; copying takes its time afterwards. A
further backup into the same folder copies what is new. The one before stays whole until the new one is. Not covered:
what is not processed when it is made is in the log's copy, and is processed after a restore.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from spanpulse_sinks.clickhouse import free_bytes, schema_version, workbench
from spanpulse_stream.log import LogSnapshot, log_version
from spanpulse_stream.maintenance._backup_copy import DAMAGED, NOTES, Copier
from spanpulse_stream.maintenance._backup_links import Links, link_database, links_folder
from spanpulse_stream.maintenance._backup_manifest import MANIFEST, Kept, Manifest, digest_of
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._erase_request import Journal
from spanpulse_stream.operations import MaintenanceError

__all__ = ["backup"]

LOCK: Final = "lock"
LOG: Final = "log/log.sqlite3"
MARK: Final = b"This folder holds a backup of spanpulse.\n"  # in the lock, so that a beginning is known as well
OURS: Final = {MANIFEST, f"{MANIFEST}.new", NOTES, DAMAGED, LOCK, "parts"}
STATE: Final = re.compile(r"state-\d+")
PART: Final = re.compile(r".+-[0-9a-f]{16}")
SPARE: Final = 64 * 1024 * 1024  # bytes that a backup leaves free
MEGABYTE: Final = 1_000_000


@dataclass(slots=True)
class _Told:
    """Says how far the copying is."""

    context: Context
    total: int
    done: int = 0

    def __call__(self, size: int) -> None:
        self.done += size
        self.context.say("copying", self.done / MEGABYTE, self.total / MEGABYTE, "MB")


def backup(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Back up into ``dest``, a path. Returns {"dest", "bytes", "copied_bytes", "files", "held_seconds", "made_at"}.

    Raises MaintenanceError, Stopped, OSError and what the database raises.
    """
    dest = _checked(Path(arguments["dest"]), context.folder)
    if (unfinished := Journal(context.folder).read()) is not None:
        raise MaintenanceError(f"the erasure of {unfinished} is not finished; repeat it before a backup")
    with _locked(dest):
        before = _before(dest, context)
        with links_folder(context) as root:
            return _backed_up(context, dest, before, root)


def _backed_up(context: Context, dest: Path, before: Manifest | None, root: Path) -> dict[str, Any]:
    context.say("linking what there is")
    with workbench(context.database) as bench, context.between_batches():
        begun = datetime.now(UTC)
        links = link_database(bench, context.folder, root)
        log = context.log.snapshot()
        held = (datetime.now(UTC) - begun).total_seconds()
    told = _Told(context, 0)
    copier = Copier(dest, told)
    copier.recall(before)
    told.total = _total(links, log)
    _check_space(dest, links, copier, log)
    generation = before.generation + 1 if before else 1
    files = _copied(context, links, log, copier, f"state-{generation}")
    manifest = Manifest(
        program=version("spanpulse"),
        schema=schema_version(),
        log=log_version(dest / files[LOG].at),
        made_at=begun.isoformat(timespec="seconds"),
        generation=generation,
        identity=context.log.identity,
        folders=tuple(links.folders),
        links=links.symlinks,
        files=files,
    )
    copier.settle()
    manifest.write(dest)
    _prune(dest, manifest)
    return {
        "dest": str(dest),
        "made_at": manifest.made_at,
        "bytes": manifest.bytes,
        "copied_bytes": copier.copied,
        "files": len(files),
        "held_seconds": round(held, 3),
    }


def _copied(context: Context, links: Links, log: LogSnapshot, copier: Copier, state: str) -> dict[str, Kept]:
    """Copy everything; returns the files by their path in the data folder."""
    shutil.rmtree(copier.folder / state, ignore_errors=True)
    files: dict[str, Kept] = {}
    for part in links.parts:
        kept = copier.part(links.root / part)
        files |= {f"{part}/{name}": file for name, file in kept.items()}
    for path in links.files:
        files[path] = copier.file(links.root / path, f"{state}/{path}")
    for price_file in sorted((context.folder / "prices").glob("*")):
        name = f"prices/{price_file.name}"
        files[name] = copier.file(price_file, f"{state}/{name}")
    files[LOG] = _log(context, log, copier, f"{state}/{LOG}")
    return files


def _log(context: Context, log: LogSnapshot, copier: Copier, at: str) -> Kept:
    path = copier.folder / at
    path.parent.mkdir(parents=True)
    log.write(path, context.settings.partitions, copier.say)
    size, digest = digest_of(path, lambda _bytes: context.check())
    copier.copied += size
    return Kept(at, size, digest)


def _checked(dest: Path, folder: Path) -> Path:
    """Return the folder of the backup, made if it is missing. Raises MaintenanceError where it cannot be one."""
    dest = dest.resolve()
    if dest == folder or folder in dest.parents or dest in folder.parents:
        raise MaintenanceError(f"{dest} and the data folder {folder} lie in each other; name another folder")
    try:
        dest.mkdir(mode=0o700, parents=True, exist_ok=True)
        if foreign := _foreign(dest):
            raise MaintenanceError(f"{dest} holds {foreign}, which is of no backup; name an empty folder")
        with open(os.open(dest / LOCK, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as lock:  # noqa: PTH123 -- with its mode
            lock.write(MARK)
    except OSError as error:
        raise MaintenanceError(f"cannot write to {dest}: {error.strerror}; name another folder") from None
    return dest


def _foreign(dest: Path) -> str | None:
    """Return the name of something in the folder that no backup has put there: it would be lost."""
    names = sorted(entry.name for entry in dest.iterdir())
    foreign = [name for name in names if not (name in OURS or STATE.fullmatch(name))]
    if not foreign and names and not (dest / MANIFEST).is_file() and _content(dest / LOCK) != MARK:
        foreign = names
    return foreign[0] if foreign else None


def _content(path: Path) -> bytes:
    return path.read_bytes()[: len(MARK) + 1] if path.is_file() else b""


def _before(dest: Path, context: Context) -> Manifest | None:
    """Return what is backed up there already. Raises MaintenanceError where that is of another data folder."""
    before = Manifest.read(dest) if (dest / MANIFEST).exists() else None
    if before is not None and before.identity not in (None, context.log.identity):
        raise MaintenanceError(
            f"{dest} holds a backup of another data folder than {context.folder}, as of {before.made_at}: name another "
            "folder, or the right one with --data DIR (where the log was removed, a backup begins anew as well)"
        )
    return before


@contextmanager
def _locked(dest: Path) -> Iterator[None]:
    with (dest / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MaintenanceError(f"another backup is being written to {dest}") from None
        yield


def _total(links: Links, log: LogSnapshot) -> int:
    linked = sum(entry.stat().st_size for entry in links.root.rglob("*") if entry.is_file())
    return linked + log.bytes


def _check_space(dest: Path, links: Links, copier: Copier, log: LogSnapshot) -> None:
    """Raise MaintenanceError where what is to be copied does not fit."""
    new = [links.root / part for part in links.parts if not copier.has(copier.place_of(links.root / part))]
    need = sum(entry.stat().st_size for part in new for entry in part.rglob("*") if entry.is_file())
    need += log.bytes + SPARE
    if (free := free_bytes(dest)) < need:
        raise MaintenanceError(
            f"the backup needs {need / MEGABYTE:,.0f} MB, and {free / MEGABYTE:,.0f} MB are free in {dest}"
        )


def _prune(dest: Path, manifest: Manifest) -> None:
    """Remove what no backup names any more."""
    for note in (NOTES, DAMAGED):
        (dest / note).unlink(missing_ok=True)
    kept = {os.path.dirname(file.at) for file in manifest.files.values()}  # noqa: PTH120 -- texts of the manifest
    for part in (dest / "parts").glob("*/*"):
        if PART.fullmatch(part.name) and f"parts/{part.parent.name}/{part.name}" not in kept:
            shutil.rmtree(part)
    for state in dest.glob("state-*"):
        if STATE.fullmatch(state.name) and state.name != f"state-{manifest.generation}":
            shutil.rmtree(state)
