"""A restore is of one backup, whatever becomes of the backup while it is interrupted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import backups
from spanpulse_stream.log import newest_log_version
from spanpulse_stream.maintenance import Manifest, restore
from spanpulse_stream.operations import MaintenanceError, Progress

OLD = {"database/store/a": b"alice" * 100, "database/store/b": b"bob" * 100, "prices/p": b"price"}
NEW = {"database/store/b": b"BOB" * 100, "database/store/c": b"carol" * 100}


def killed_after(files: int) -> Callable[[Progress], None]:
    """Return what ends a restore when so many files were copied."""
    copied = 0

    def report(progress: Progress) -> None:
        nonlocal copied
        copied += progress.text == "copying"
        if copied > files:
            raise KeyboardInterrupt

    return report


def content(data: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    return {path: found for path, found in files.items() if not path.startswith("log/")}


def test_an_interrupted_restore_goes_on_with_its_backup(tmp_path: Path) -> None:
    backups.make(tmp_path / "backup", OLD)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "backup", tmp_path / "data", killed_after(1))
    kept = next(path for path in (tmp_path / "data").rglob("a") if path.is_file()).stat()
    restore(tmp_path / "backup", tmp_path / "data", lambda _progress: None)
    assert content(tmp_path / "data") == OLD
    assert (tmp_path / "data/database/store/a").stat().st_ino == kept.st_ino


@pytest.mark.parametrize("files", [0, 1, 2, 3])
def test_nothing_of_a_backup_that_was_renewed_meanwhile_comes_along(tmp_path: Path, files: int) -> None:
    backups.make(tmp_path / "backup", OLD)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "backup", tmp_path / "data", killed_after(files))
    backups.make(tmp_path / "backup", NEW)
    restore(tmp_path / "backup", tmp_path / "data", lambda _progress: None)
    assert content(tmp_path / "data") == NEW


def test_one_that_was_moved_in_part_is_not_mixed_with_another(tmp_path: Path) -> None:
    backups.make(tmp_path / "backup", OLD)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "backup", tmp_path / "data", killed_after(3))
    (tmp_path / "data/restoring/prices").rename(tmp_path / "data/prices")
    backups.make(tmp_path / "backup", NEW)
    with pytest.raises(MaintenanceError, match=r"another backup.*remove that folder"):
        restore(tmp_path / "backup", tmp_path / "data", lambda _progress: None)
    backups.make(tmp_path / "backup", OLD)
    restore(tmp_path / "backup", tmp_path / "data", lambda _progress: None)
    assert content(tmp_path / "data") == OLD


def test_a_log_of_a_newer_version_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    backups.make(tmp_path / "backup", OLD, log=newest_log_version() + 1)
    with pytest.raises(MaintenanceError, match=r"spanpulse 9\.9.*upgrade spanpulse"):
        restore(tmp_path / "backup", tmp_path / "data", lambda _progress: None)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON"),
        ("[]", "no format"),
        ('{"format": "1"}', "no format"),
        ('{"format": 1}', "program: "),
        ("[" * 100_000, "no JSON"),
        (None, r"files\.prices/p\.size: "),
    ],
)
def test_a_damaged_manifest_is_said_to_be_one(tmp_path: Path, text: str | None, told: str) -> None:
    backups.make(tmp_path / "backup", OLD)
    manifest = tmp_path / "backup/manifest.json"
    found = json.loads(manifest.read_text())
    found["files"]["prices/p"]["size"] = "much"
    manifest.write_text(json.dumps(found) if text is None else text)
    with pytest.raises(MaintenanceError, match=f"damaged: .*{told}"):
        Manifest.read(tmp_path / "backup")
