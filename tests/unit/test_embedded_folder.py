"""What a data folder takes on the disk: all of it, each file once."""

import os
from pathlib import Path

from spanpulse_stream.embedded import DataFolder

PAGE = 4096


def written(path: Path, pages: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * PAGE * pages)
    return path


def test_each_file_counts_once_in_all_of_the_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    part = written(tmp_path / "database/store/part/data.bin", 8)
    written(tmp_path / "log/log.sqlite3", 2)
    written(tmp_path / "erase.json", 1)
    alone = folder.sizes()
    assert alone == {"log": 2 * PAGE, "database": 8 * PAGE, "prices": 0, "other": PAGE}
    links = tmp_path / "backup-links/database/store/part"
    links.mkdir(parents=True)
    os.link(part, links / "data.bin")
    os.link(part, part.with_name("again.bin"))
    assert folder.sizes() == alone
    part.unlink()
    part.with_name("again.bin").unlink()  # a merge has replaced it; the backup still holds it
    assert folder.sizes() == alone | {"database": 0, "other": 9 * PAGE}


def test_what_links_lead_to_elsewhere_does_not_count(tmp_path: Path) -> None:
    written(tmp_path / "elsewhere/large", 8)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/link").symlink_to(tmp_path / "elsewhere")
    assert sum(DataFolder(tmp_path / "data").sizes().values()) == 0
