"""Ctrl-C while an operation runs: it says what that leaves behind."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_stream.commands import _operate
from spanpulse_stream.maintenance import OPERATIONS


def interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_says_what_it_leaves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr(_operate.ControlClient, "operate", interrupted)
    settings: Any = SimpleNamespace(data=Path("/nowhere"))
    for arguments, left in (({}, _operate.STOPPED[name]), ({"dry_run": True}, "nothing was changed")):
        with pytest.raises(KeyboardInterrupt):
            _operate.operate(settings, name, arguments)
        assert capsys.readouterr().err == f"stopped: {left}\n"
