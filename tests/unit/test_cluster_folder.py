"""A data folder that a worker cannot write to is named, with what to do."""

import errno
import tempfile
from pathlib import Path
from typing import Any

import pytest

from spanpulse_stream.cluster._folder import check_folder
from spanpulse_stream.settings import SettingsError


def test_a_folder_that_can_be_written_to_is_made_and_left_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "a/b")
    check_folder(tmp_path / "a/b")
    assert list((tmp_path / "a/b").iterdir()) == []


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match=rf"data folder {tmp_path}/data: .*SPANPULSE_DATA"):
        check_folder(tmp_path / "data")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(SettingsError, match=rf"data folder {tmp_path}: No space left on device; .* make room"):
        check_folder(tmp_path)
