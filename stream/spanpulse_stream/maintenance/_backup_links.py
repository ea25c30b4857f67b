"""The database as it is between two batches, as hard links: made in one moment, whatever merges and retention do then.

Parts and files of metadata never change, they are replaced; so a link keeps what it names, and costs no space while
the original is there. The links are removed when the backup has ended, or at the next start.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.maintenance._context import Context

__all__ = ["Links", "link_database", "links_folder", "sweep_links"]

FOLDER: Final = "backup-links"
LEFT_OUT: Final = ("mutation_", "tmp_")
PARTS: Final = "SELECT path FROM system.parts WHERE active AND database = currentDatabase()"


@dataclass(frozen=True, slots=True)
class Links:
    """Hard links below ``root``, by the paths of the data folder: ``parts`` are folders, ``files`` what is no part."""

    root: Path
    parts: list[str]
    files: list[str]
    folders: list[str]
    symlinks: dict[str, str]


@contextmanager
def links_folder(context: Context) -> Iterator[Path]:
    """Give an empty folder for links in the data folder, and remove it with all links at the end."""
    root = context.folder / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def sweep_links(context: Context) -> None:
    """Remove the links that an interrupted backup left."""
    shutil.rmtree(context.folder / FOLDER, ignore_errors=True)


def link_database(bench: Workbench, folder: Path, root: Path) -> Links:
    """Link the active parts and the metadata of the database; while the writer is held. Raises OSError, QueryFailed."""
    links = Links(root, [], [], [], {})
    store = folder / "database" / "store"
    for name in ("metadata", "data"):
        _note_tree(folder, store / name, links)
    for own in store.glob("store/*/*"):  # of a table, or of the database itself
        _note_tree(folder, own, links, deep=False)
    for row in bench.rows(PARTS):
        part = Path(row["path"])
        links.parts.append(str(part.relative_to(folder)))
        _link_files(folder, root, part)
    for path in links.files:
        _link(folder, root, path)
    return links


def _note_tree(folder: Path, place: Path, links: Links, *, deep: bool = True) -> None:
    """Note the files, folders and symbolic links of a folder; its folders are entered where ``deep``."""
    links.folders.append(str(place.relative_to(folder)))
    for entry in sorted(place.iterdir()):
        path = str(entry.relative_to(folder))
        if entry.is_symlink():
            links.symlinks[path] = str(entry.readlink())
        elif entry.is_dir():
            if deep:
                _note_tree(folder, entry, links)
        elif not entry.name.startswith(LEFT_OUT):
            links.files.append(path)


def _link_files(folder: Path, root: Path, part: Path) -> None:
    for entry in part.iterdir():  # a part has no folders of its own: there are no projections
        _link(folder, root, str(entry.relative_to(folder)))


def _link(folder: Path, root: Path, path: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(folder / path, target)
