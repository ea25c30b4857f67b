"""Copying a backup's files: each once, its digest taken on the way, and what an earlier run copied kept.

What is whole is noted in a file of its own, after it reached the disk; so a run that was killed is continued. A part
is known by the digest of its list of checksums, never by its name alone: a restored folder gives out names again. That
a part is still what was copied is seen by its sizes, and by what `backup --verify` noted.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from spanpulse_sinks.clickhouse import write_durably
from spanpulse_stream.maintenance._backup_manifest import Kept, Manifest, digest_of

__all__ = ["DAMAGED", "NOTES", "Copier", "note_damage"]

DAMAGED: Final = "damaged.json"
NOTES: Final = "progress.jsonl"
CHUNK: Final = 1024 * 1024
NOTED_EVERY: Final = 128 * CHUNK  # bytes between two times that what was copied is brought to the disk
CHECKSUMS: Final = "checksums.txt"


@dataclass(slots=True)
class Copier:
    """Copies into ``folder``; ``say`` hears of bytes that are done, and may raise."""

    folder: Path
    say: Callable[[int], None]
    known: dict[str, dict[str, Kept]] = field(default_factory=dict)  # stored part -> its files
    copied: int = 0
    _unsaid: dict[str, dict[str, Kept]] = field(default_factory=dict)
    _unsynced: int = 0

    def recall(self, manifest: Manifest | None) -> None:
        """Take over what is there: of the newest whole backup, and of a run that did not end."""
        for kept in manifest.files.values() if manifest else ():
            place, _, name = kept.at.rpartition("/")
            if place.startswith("parts/"):
                self.known.setdefault(place, {})[name] = kept
        for place in _damaged_parts(self.folder):
            self.known.pop(place, None)
        notes = self.folder / NOTES
        for line in notes.read_text("utf-8").splitlines() if notes.exists() else ():
            try:
                found = json.loads(line)
            except ValueError:
                return  # the last line, torn
            self.known[found["part"]] = {name: Kept(**kept) for name, kept in found["files"].items()}

    def place_of(self, source: Path) -> str:
        """Return where a part is kept, by its table's folder, its name and its content. Raises OSError."""
        return f"parts/{source.parent.name}/{source.name}-{_brief(source / CHECKSUMS)}"

    def has(self, place: str) -> bool:
        """Return whether a part is there already, as far as its sizes tell."""
        return place in self.known and all(_is_there(self.folder, kept) for kept in self.known[place].values())

    def part(self, source: Path) -> Mapping[str, Kept]:
        """Copy a part unless it is there; returns its files. Raises OSError."""
        place = self.place_of(source)
        if not self.has(place):
            shutil.rmtree(self.folder / place, ignore_errors=True)
            files = sorted(source.iterdir())
            self.known[place] = {entry.name: self.file(entry, f"{place}/{entry.name}") for entry in files}
            self._note(place)
        else:
            self.say(sum(kept.size for kept in self.known[place].values()))
        return self.known[place]

    def file(self, source: Path, at: str) -> Kept:
        """Copy a file. Raises OSError."""
        target = self.folder / at
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as read, target.open("wb") as written:
            while chunk := read.read(CHUNK):
                digest.update(chunk)
                written.write(chunk)
                size += len(chunk)
                self.say(len(chunk))
        self.copied += size
        return Kept(at, size, digest.hexdigest())

    def settle(self) -> None:
        """Bring what was copied to the disk, then note it. Raises OSError."""
        os.sync()
        with (self.folder / NOTES).open("a", encoding="utf-8") as notes:
            for place, files in self._unsaid.items():
                kept = {name: asdict(file) for name, file in files.items()}
                notes.write(json.dumps({"part": place, "files": kept}) + "\n")
            notes.flush()
            os.fsync(notes.fileno())
        self._unsaid, self._unsynced = {}, 0

    def _note(self, place: str) -> None:
        self._unsaid[place] = self.known[place]
        self._unsynced += sum(kept.size for kept in self.known[place].values())
        if self._unsynced >= NOTED_EVERY:
            self.settle()


def note_damage(folder: Path, files: Iterable[str]) -> None:
    """Have the next backup copy these files again, given by their place in the backup. Raises OSError."""
    parts = {place.rpartition("/")[0] for place in files}
    write_durably(folder / DAMAGED, json.dumps(sorted(parts | _damaged_parts(folder))))


def _damaged_parts(folder: Path) -> set[str]:
    try:
        return set(json.loads((folder / DAMAGED).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return set()


def _brief(path: Path) -> str:
    return digest_of(path, lambda _bytes: None)[1][:16]


def _is_there(folder: Path, kept: Kept) -> bool:
    try:
        return (folder / kept.at).stat().st_size == kept.size
    except OSError:
        return False
