"""What `spanpulse erase` says when it is interrupted, and of what is left."""

from pathlib import Path
from typing import Any

import pytest

from spanpulse_stream.commands import erase

REPORT = {"rows": {"dead_letters": 3}, "held_seconds": 0.0, "still_named": {}, "old_parts": 0}


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: Any, *words: str) -> int:
    def operate(*_: object) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(erase, "operate", operate)
    monkeypatch.chdir(folder)
    return erase.run(["--user", "alice", "--yes", *words])


def test_an_interrupted_erasure_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, KeyboardInterrupt()) == 130
    assert "the next start finishes it" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, KeyboardInterrupt(), "--dry-run") == 130
    assert "the next start" not in capsys.readouterr().err


def test_what_is_left_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, REPORT) == 0
    out = capsys.readouterr().out
    assert ("Still named" in out, "still reads" in out, "as a word" in out) == (False, False, False)
    left = {"rows": {"dead_letters_by_word": 2}, "still_named": {"name": 1, "links": 4}, "old_parts": 5}
    assert run(monkeypatch, tmp_path, REPORT | left) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "2 of them cannot be read and hold the id as a word" in out
    assert "Still named in: name 1, links 4" in out
    assert "still reads 5 files" in out
