"""Acting on modules when they are imported: once, whenever that is, and never to the import's harm."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from spanpulse._imports import when_imported

NAME = "wrapper_imported_example"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / f"{NAME}.py").write_text("value = 1\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield NAME
    sys.modules.pop(NAME, None)


def test_it_is_called_when_the_module_is_there(module: str) -> None:
    seen: list[int] = []
    undo = when_imported(module, lambda found: seen.append(found.value))
    assert seen == []
    found = importlib.import_module(module)
    assert seen == [1]
    assert type(found.__loader__).__name__ == "SourceFileLoader"
    assert found.__spec__ is not None
    assert found.__spec__.loader is found.__loader__
    undo()


def test_it_is_called_at_once_where_the_module_is_there_already(module: str) -> None:
    importlib.import_module(module)
    seen: list[ModuleType] = []
    when_imported(module, seen.append)()
    assert [each.__name__ for each in seen] == [NAME]


def test_what_it_raises_does_not_reach_the_import(module: str, caplog: pytest.LogCaptureFixture) -> None:
    undo = when_imported(module, lambda found: found.no_such)
    assert importlib.import_module(module).value == 1
    assert f"{NAME} cannot be instrumented" in caplog.text
    undo()


def test_taken_back_it_is_not_called(module: str) -> None:
    seen: list[ModuleType] = []
    when_imported(module, seen.append)()
    importlib.import_module(module)
    assert seen == []


def test_a_module_that_fails_fails_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrapper_failing_example.py").write_text("raise OSError('odd')\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[ModuleType] = []
    undo = when_imported("wrapper_failing_example", seen.append)
    with pytest.raises(OSError, match="odd"):
        importlib.import_module("wrapper_failing_example")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("wrapper_absent_example")
    undo()
    assert seen == []
