"""A process whose database writes hang or crawl: memory stays bounded, senders hear 429, /readyz turns bad.

strace delays the system call that every insert needs (the rename of its part), so the whole process is real.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from requirements import need_strace
from running import Running
from spanpulse_stream.traffic import LoadGenerator
from sums import check

PROTOBUF = {"content-type": "application/x-protobuf"}
MIB = 1 << 20


@contextmanager
def delayed(running: Running, seconds: float) -> Iterator[None]:
    """Delay every rename of a running process; what waits goes on when it ends."""
    calls = "rename,renameat,renameat2"
    delay = f"inject={calls}:delay_enter={int(seconds * 1e6)}"
    assert running.process is not None
    pid = str(running.process.pid)
    command = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", delay, "-p", pid]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=60)


@pytest.mark.slow
def test_a_pipeline_that_stands_still_makes_readyz_bad_until_it_goes_on(tmp_path: Path) -> None:
    need_strace()
    with Running(tmp_path, {"SPANPULSE_STALLED_AFTER": "4"}) as running:
        assert httpx.get(f"{running.web}/readyz").status_code == 200
        with delayed(running, 300):
            body = LoadGenerator(1).request(time.time_ns())
            httpx.post(f"{running.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30).raise_for_status()
            assert "pipeline_stalled" in until(running, "/readyz", 503, within=60)
            assert "messages wait" in until(running, "/healthz", 503, within=60)
        running.drain()
        until(running, "/readyz", 200, within=60)
        until(running, "/healthz", 200, within=60)


def until(running: Running, page: str, code: int, within: float) -> str:
    """Ask for a page until it answers with ``code``."""
    deadline = time.monotonic() + within
    while (answer := httpx.get(f"{running.web}{page}", timeout=30)).status_code != code:
        assert time.monotonic() < deadline, f"{page} still answers {answer.status_code}"
        time.sleep(0.1)
    return answer.text


@pytest.mark.slow
def test_a_slow_writer_makes_senders_wait_and_loses_nothing(tmp_path: Path) -> None:
    need_strace()
    load, acknowledged, refused = LoadGenerator(2), 0, 0
    with Running(tmp_path, {"SPANPULSE_LOG_MAX_BYTES": str(4 * MIB)}) as running:
        assert running.process is not None
        memory = psutil.Process(running.process.pid).memory_info
        before = memory().rss
        # An insert renames its part within a few ms.
        with delayed(running, 0.5), httpx.Client(timeout=60) as client:
            while refused < 20 and acknowledged < 400:
                body = load.request(time.time_ns())
                answer = client.post(f"{running.otlp}/v1/traces", content=body, headers=PROTOBUF)
                acknowledged += answer.status_code == 200
                if answer.status_code != 200:
                    assert answer.status_code == 429
                    assert int(answer.headers["retry-after"]) >= 1
                    refused += 1
        assert refused == 20
        assert memory().rss - before < 300 * MIB
        running.drain()
        assert check(running, load, acknowledged, acknowledged) == acknowledged
