"""`spanpulse demo` as a person runs it: the day is told, the page is named, traffic goes on until Ctrl-C."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from command_line import environment, spanpulse
from day_totals import totals_of
from spanpulse_stream.control import ControlClient
from spanpulse_stream.traffic.day import Day

TOTALS = totals_of(Day(datetime.now(UTC)).requests())
WITHIN = 250.0


class Demo:
    """A demo that runs: its process, what it has printed, its data folder."""

    def __init__(self, folder: Path) -> None:
        self.data, self._out, self._err = folder / "data", folder / "out.txt", folder / "err.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spanpulse", "demo", "--data", str(self.data)],
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**environment(), "TZ": "UTC"},
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self._out.read_text("utf-8")

    def wait_for(self, wanted: str) -> None:
        deadline = time.monotonic() + WITHIN
        while wanted not in self.text:
            assert self.process.poll() is None, self.text + self._err.read_text("utf-8")
            assert time.monotonic() < deadline, self.text + self._err.read_text("utf-8")
            time.sleep(0.05)

    def line(self, start: str) -> str:
        (found,) = [line for line in self.text.splitlines() if line.startswith(start)]
        return found

    def count(self, sql: str) -> int:
        rows = ControlClient(self.data, 60).query(f"SELECT toInt64(count()) AS found FROM {sql}", "JSONEachRow")
        return int(json.loads(rows)["found"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo"))
    try:
        running.wait_for("Ctrl-C ends it")
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(30)


def test_the_summary_has_the_calls_and_tokens_of_the_plan(demo: Demo) -> None:
    assert f"{TOTALS.requests:,} model calls" in demo.text
    uses = TOTALS.by_model.values()
    tokens = [
        sum(getattr(use, name) for use in uses) for name in ("input_tokens", "cache_read_tokens", "output_tokens")
    ]
    assert demo.line("tokens") == "tokens: {:,} in ({:,} from a cache), {:,} out".format(*tokens)
    sent = f"{TOTALS.records:,}"
    assert demo.line("completeness").startswith(f"completeness: {sent} records accepted = {sent} stored + 0 duplicate")
    for model, use in TOTALS.by_model.items():
        assert demo.line(f"{model} ").split()[1] == f"{use.requests:,}"
    assert demo.line("acme-house-7b ").split()[-1] == "unpriced"


def test_three_events_are_named_with_times_figures_and_pages(demo: Demo) -> None:
    until = re.search(r"in the 24 h before \w{3} (\d\d:\d\d) \(UTC\)", demo.text)
    assert until is not None
    for start in ("1  Slow model  ", "2  Price jump  since ", "3  Failing tool  "):
        assert re.search(r"\d\d:" + until[1][-2:], demo.line(start))
    (web,) = set(re.findall(r"(http://[\d.]+:\d+/)(?:traces)?\?from=", demo.text))
    assert demo.line("Look: ").split()[1] == web
    pages = re.findall(r"http://\S+\?from=\S+", demo.text)
    assert len(pages) == 3
    for page in (web, *pages):
        answer = httpx.get(page, timeout=30)
        assert answer.status_code == httpx.codes.OK
        assert answer.headers["content-type"].startswith("text/html")
    failed = sum(TOTALS.tool_errors.values())
    assert demo.line("   lookup_order of support-agent: ").split()[3] == f"{failed}"


def test_it_lives_until_it_is_interrupted(demo: Demo) -> None:
    deadline = time.monotonic() + 60
    while demo.count("spans") <= TOTALS.spans:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert demo.count("spans WHERE end_time > now64(9)") == 0
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--trace", "week"), "--trace is conv or code"),
        (("--once", "--open"), "either --once or --open"),
        (("--data", "file"), "is a file, not a folder"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    (tmp_path / "file").write_text("")
    printed = spanpulse("demo", *words, folder=tmp_path)
    assert printed.code == 2
    assert reason in printed.err
