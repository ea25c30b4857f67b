"""Where an import goes: the log when whoever has it is done, a process when it answers, and what is said meanwhile."""

import threading
from contextlib import ExitStack

import pytest

from logs import opened
from spanpulse_stream.commands import _import_target as finding
from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.gateway import OtlpOptions
from spanpulse_stream.importing import Importer, LogTarget
from spanpulse_stream.settings import Settings

USED = "the log is in use by process 7"


class Pauses(threading.Event):
    """Waits no time, and does something then."""

    def __init__(self, then=lambda: None):
        super().__init__()
        self._then = then

    def wait(self, timeout=None):
        self._then()
        return super().wait(0 if timeout else None)


def find(tmp_path, stopping):
    said = []
    with ExitStack() as stack:
        return finding.find_target(Settings(data=tmp_path), said.append, stopping, stack), said


def test_a_log_that_another_import_gives_back_is_taken(tmp_path, monkeypatch):
    with opened(tmp_path) as log:
        answers = [USED, USED, LogTarget(Importer(log, OtlpOptions()))]
        monkeypatch.setattr(finding, "_log_target", lambda _settings, _stack: answers.pop(0))
        target, said = find(tmp_path, Pauses())
    assert isinstance(target, LogTarget)
    assert said == [f"{USED}: another import, or a process that starts; waiting until it answers or ends ..."]


def test_one_that_never_gives_it_back_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "_log_target", lambda _settings, _stack: USED)
    monkeypatch.setattr(finding, "WAIT_WITHIN_S", 0.0)
    with pytest.raises(CommandError, match="neither answers nor ends: another import, or a process that starts"):
        find(tmp_path, Pauses())


def test_a_process_that_has_started_is_asked(tmp_path, monkeypatch):
    running = []
    monkeypatch.setattr(finding, "_log_target", lambda _settings, _stack: USED)
    monkeypatch.setattr(finding, "_runs", lambda _client: bool(running))
    target, said = find(tmp_path, Pauses(lambda: running.append(1)))
    assert not isinstance(target, LogTarget)
    assert len(said) == 1
