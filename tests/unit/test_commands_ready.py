"""What is told of a process that has started and is not ready, and when its ready file comes."""

import asyncio
import json
from pathlib import Path

import pytest
from rich.console import Console

from spanpulse_stream.commands import _ready
from spanpulse_stream.commands._ready import Announced

ADDRESSES = {"otlp_http": "127.0.0.1:4318", "web": "127.0.0.1:8642", "otlp_grpc": None}
KAFKA, KEYS = {"kafka_failing": "Kafka is not reached"}, {"keys_unknown": "no API keys"}


class Process:
    """A process that is not ready for ``reasons``."""

    def __init__(self, folder: Path, reasons: dict[str, str]) -> None:
        self.reasons = reasons
        self.file = folder / "ready.json"
        self.console = Console(width=200, record=True, quiet=False, file=(folder / "said").open("w"))

    def announced(self) -> Announced:
        return Announced(
            self.console, ADDRESSES, lambda: self.reasons, lambda: self.console.print("is ready"), self.file
        )

    def said(self) -> list[str]:
        return [line.strip() for line in self.console.export_text(clear=False).splitlines()]


async def test_one_that_is_ready_says_so_at_once(tmp_path: Path) -> None:
    process = Process(tmp_path, {})
    await process.announced().run()
    assert process.said() == ["is ready"]
    assert json.loads(process.file.read_text()) == ADDRESSES


async def test_one_that_is_ready_soon_says_nothing_else(tmp_path: Path) -> None:
    process = Process(tmp_path, KAFKA)
    running = asyncio.create_task(process.announced().run())
    await asyncio.sleep(0)
    assert not process.file.exists()
    process.reasons = {}
    await running
    assert process.said() == ["is ready"]


async def test_one_that_is_not_says_what_it_waits_for_and_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ready, "GRACE_S", 0.0)
    monkeypatch.setattr(_ready, "LOOK_EVERY_S", 0.0)
    process = Process(tmp_path, {**KAFKA, **KEYS})
    running = asyncio.create_task(process.announced().run())
    for reasons in (process.reasons, KEYS, {"keys_unknown": "in other words"}):
        process.reasons = reasons
        for _ in range(5):
            await asyncio.sleep(0)
    assert not process.file.exists()
    process.reasons = {}
    await running
    assert process.said() == [
        "started; not ready: Kafka is not reached; no API keys",
        "otlp_http  http://127.0.0.1:4318",
        "web        http://127.0.0.1:8642",
        "still not ready: no API keys",
        "is ready",
    ]
    assert process.file.exists()


async def test_a_ready_file_that_cannot_be_written_is_known(tmp_path: Path) -> None:
    process = Process(tmp_path, {})
    process.file = tmp_path / "nowhere" / "ready.json"
    with pytest.raises(OSError, match="nowhere"):
        await process.announced().run()
