"""A process whose database writes hang or crawl: memory stays bounded, senders hear 429, /readyz turns bad.

strace delays the system call that every insert needs (the rename of its part), so the whole process is real.
"""

import time
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


def delayed(seconds: float) -> list[str]:
    calls = "rename,renameat,renameat2"
    delay = f"inject={calls}:delay_enter={int(seconds * 1e6)}"
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", delay]


@pytest.mark.slow
def test_a_pipeline_that_stands_still_makes_readyz_bad(tmp_path: Path) -> None:
    need_strace()
    with Running(tmp_path):
        pass  # the migrations rename too
    running = Running(tmp_path, {"SPANPULSE_STALLED_AFTER": "4"}, delayed(300)).start()
    try:
        assert httpx.get(f"{running.web}/readyz").status_code == 200
        body = LoadGenerator(1).request(time.time_ns())
        httpx.post(f"{running.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30).raise_for_status()
        begun = time.monotonic()
        while (answer := httpx.get(f"{running.web}/readyz", timeout=30)).status_code == 200:
            assert time.monotonic() - begun < 15, "/readyz is still good"
            time.sleep(0.1)
        assert "pipeline_stalled" in answer.text
        while httpx.get(f"{running.web}/healthz", timeout=30).status_code == 200:
            assert time.monotonic() - begun < 30, "/healthz is still good"
            time.sleep(0.1)
    finally:
        running.kill()


@pytest.mark.slow
def test_a_slow_writer_makes_senders_wait_and_loses_nothing(tmp_path: Path) -> None:
    need_strace()
    with Running(tmp_path):
        pass
    small = {"SPANPULSE_LOG_MAX_BYTES": str(4 * MIB)}
    running, load, acknowledged = Running(tmp_path, small, delayed(1.0)).start(), LoadGenerator(2), 0
    try:
        memory = psutil.Process(running._pid()).memory_info
        before, refused = memory().rss, 0
        with httpx.Client(timeout=60) as client:
            for _ in range(400):
                body = load.request(time.time_ns())
                answer = client.post(f"{running.otlp}/v1/traces", content=body, headers=PROTOBUF)
                acknowledged += answer.status_code == 200
                if answer.status_code != 200:
                    assert answer.status_code == 429
                    assert int(answer.headers["retry-after"]) >= 1
                    refused += 1
                if refused == 20:
                    break
        assert refused == 20
        assert memory().rss - before < 300 * MIB
    finally:
        running.kill()
    with Running(tmp_path, small) as healthy:
        healthy.drain()
        assert check(healthy, load, acknowledged, acknowledged) == acknowledged
