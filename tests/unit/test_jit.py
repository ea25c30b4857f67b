"""Where kernels are cached: a folder that changes with the text of their package."""

from pathlib import Path

import pytest
from numba import config

from spanpulse_stream import decode
from spanpulse_stream.jit import cache_folder, is_compiled


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(config, "BOUNDSCHECK", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "_a.py").write_text("a")
    (folder / "_b.py").write_text("b")
    return folder


def _fresh(sources: Path) -> str:
    cache_folder.cache_clear()
    return cache_folder(sources)


def test_an_unchanged_package_keeps_its_folder(sources: Path) -> None:
    first = _fresh(sources)
    assert Path(first).parent == sources / "__pycache__"
    (Path(first) / "kernel.nbc").write_text("compiled")
    assert _fresh(sources) == first
    assert (Path(first) / "kernel.nbc").exists()


def test_a_change_in_any_module_takes_a_new_folder_and_removes_the_old(sources: Path) -> None:
    first = _fresh(sources)
    (sources / "_b.py").write_text("c")
    second = _fresh(sources)
    assert second != first
    assert [str(path) for path in (sources / "__pycache__").iterdir()] == [second]


def test_checked_kernels_have_a_cache_of_their_own(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _fresh(sources)
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    assert _fresh(sources) != first
    assert Path(first).is_dir()


def test_acache_folder_that_was_set_is_used(sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "set"))
    assert Path(_fresh(sources)).parent == tmp_path / "set"


def test_the_users_folder_where_the_package_cannot_be_written(sources: Path, tmp_path: Path) -> None:
    (sources / "__pycache__").write_text("not a folder")
    assert Path(_fresh(sources)).parent == tmp_path / "user" / "spanpulse"


def test_no_folder_where_nothing_can_be_written(sources: Path, tmp_path: Path) -> None:
    (sources / "__pycache__").write_text("not a folder")
    (tmp_path / "user").write_text("not a folder")
    assert _fresh(sources) == ""


def test_a_start_knows_that_kernels_are_compiled() -> None:
    decode.warm_up()
    assert is_compiled(Path(decode.__file__).parent)


def test_a_start_knows_that_kernels_are_not_compiled(sources: Path) -> None:
    cache_folder.cache_clear()
    assert not is_compiled(sources)


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Nothing that these tests found may stay for the kernels of later imports."""
    yield
    cache_folder.cache_clear()
