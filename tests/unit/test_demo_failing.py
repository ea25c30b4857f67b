"""The demo when the process it started cannot go on, and what it shows where there is no terminal."""

import asyncio
import io

import pytest
from rich.console import Console

from spanpulse_stream.commands import _progress
from spanpulse_stream.commands._demonstrate import _until_failed
from spanpulse_stream.commands._progress import doing
from spanpulse_stream.commands._run import CommandError, run_command


class Process:
    """What `_until_failed` asks a process."""

    def __init__(self, reason: BaseException | None) -> None:
        self.reason = reason

    async def failed(self) -> BaseException:
        if self.reason is None:
            await asyncio.Event().wait()
        assert self.reason is not None
        return self.reason


async def forever() -> int:
    await asyncio.Event().wait()
    return 0


async def at_once() -> int:
    return 7


async def test_work_ends_with_its_own_code() -> None:
    assert await _until_failed(Process(None), at_once()) == 7


async def test_a_stage_that_fails_ends_the_work() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(CommandError, match="a part is broken"):
        await _until_failed(Process(RuntimeError("a part is broken")), forever())
    assert asyncio.all_tasks() == before


def test_the_reason_is_on_stderr_and_the_code_is_not_0(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        return asyncio.run(_until_failed(Process(RuntimeError("a part is broken")), forever()))

    assert run_command("demo", command, []) == 2
    assert "a part is broken" in capsys.readouterr().err


class Screen(io.StringIO):
    """A file that says when it holds enough."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.enough = asyncio.Event()

    def write(self, text: str) -> int:
        size = super().write(text)
        if self.wanted in self.getvalue():
            self.enough.set()
        return size


async def test_plain_lines_tell_what_is_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "EVERY_S", 0.01)
    screen = Screen("sending: 5 [records] ... (0 s)\nsending: 5 [records] ... (0 s)\n")
    async with asyncio.timeout(60), doing(Console(file=screen), "starting ...") as update:
        update("sending: 5 [records] ...")
        await screen.enough.wait()
    assert "\x1b" not in screen.getvalue()
