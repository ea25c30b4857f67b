"""A data folder of every released version opens: what it holds is found, what waits in its log is processed."""

from pathlib import Path

import pytest

from maintaining import operate
from releasing import ENVIRONMENT, FOLDERS, TABLES, truth, unpack
from running import Running

VERSIONS = sorted(path.name.removesuffix(".tar.zst") for path in FOLDERS.glob("*.tar.zst"))


def test_there_is_a_folder_of_the_first_release() -> None:
    assert "0.1.0" in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_of_a_released_version_opens(tmp_path: Path, version: str) -> None:
    """Its claimed batch is replayed under the claim's versions, its pending messages are processed, once each."""
    expected = unpack(version, tmp_path)
    running = Running(tmp_path, ENVIRONMENT)
    with running:
        status = running.drain()
        assert status["completeness"]["unaccounted"] == 0
        assert truth(running) == expected["truth"]
        report = operate(running, "audit", {})
        assert (report["whole"], report["findings"]) == (True, [])
    with running:
        assert running.status()["completeness"]["pending"] == 0
        assert truth(running) == expected["truth"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_folder_has_something_of_everything(tmp_path: Path, version: str) -> None:
    expected = unpack(version, tmp_path)
    assert expected["pending"] > 2
    assert set(expected["truth"]) <= set(TABLES)
    for table, found in expected["truth"].items():
        assert not found.startswith("(0,"), f"nothing in {table}"
