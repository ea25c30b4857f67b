"""The console script ends as other programs do: by Ctrl-C, and where nobody reads what it prints."""

import os
import subprocess
import sys

import pytest

from spanpulse import _cli
from spanpulse_stream.gateway import CannotListen
from spanpulse_stream.gateway._server import bind


def test_an_output_that_nobody_reads_is_no_defect() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "spanpulse", "help"]
    with os.fdopen(writing, "wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (141, "")


def test_another_broken_pipe_is_not_hidden(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_arguments: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(_cli, "_main", broken)
    with pytest.raises(BrokenPipeError):
        _cli.main([])


def test_ctrl_c_ends_it_without_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "entry_points", interrupted)
    assert _cli.main(["up"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("setting", "option"), [("otlp_http", "--host or SPANPULSE_HOST"), ("web", "--web-host or")])
def test_an_address_of_another_machine_is_not_blamed_on_the_port(setting: str, option: str) -> None:
    with pytest.raises(CannotListen, match=f"does not have that address; choose another with {option}"):
        bind("192.0.2.1", 0, setting)
