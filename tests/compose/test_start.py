"""What runs inside the image, and the script that makes secrets: run here as they run there."""

import asyncio
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from compose.files import COMPOSE
from requirements import need_program
from spanpulse_stream.gateway import HttpServer
from spanpulse_stream.observe import Condition, Health, LoopPulse, Metrics, observe_app

SCRIPTS = sorted(COMPOSE.rglob("*.sh"))
# One kernel of a package, and a command that counts how often numba compiles when it is called.
KERNEL = """
from spanpulse_stream.jit import kernel

@kernel
def double(number):
    return 2 * number
"""
COMMAND = """
import sys
sys.path.insert(0, {sources!r})
from numba.core import event

class Listener(event.Listener):
    def on_start(self, event): compiled.append(event)
    def on_end(self, event): pass

compiled = []
event.register("numba:compile", Listener())
from small import double
double(21)
print(*sys.argv[1:], "compiled", len(compiled))
"""


class Image:
    """The folders of the image that a start uses, with one small kernel in place of all."""

    def __init__(self, folder: Path) -> None:
        self._sources = folder / "sources"
        self.bin, self.kernels = folder / "opt/bin", folder / "opt/kernels"
        for each in (self._sources, self.bin, self.kernels):
            each.mkdir(parents=True)
        (self._sources / "small.py").write_text(KERNEL)
        command = self.bin / "spanpulse"
        command.write_text(f"#!{sys.executable}\n{COMMAND.format(sources=str(self._sources))}")
        shutil.copy(COMPOSE / "image/start.sh", self.bin / "start")
        for each in (command, self.bin / "start"):
            each.chmod(0o755)
        self.run("spanpulse", {"NUMBA_CACHE_DIR": str(self.kernels)})  # the build

    def run(self, command: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command of the image."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [str(self.bin / command), "worker"],
            env={"PATH": path, "NUMBA_CPU_NAME": "generic", "PYTHONDONTWRITEBYTECODE": "1", **environ},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


def test_a_start_compiles_nothing_and_writes_only_to_tmp(image: Image, tmp_path: Path) -> None:
    kept = {path: path.stat().st_mtime_ns for path in image.kernels.rglob("*")}
    assert any(path.suffix == ".nbc" for path in kept)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    for _ in range(2):  # the second with what the first has left, as in a pod whose container is started again
        assert image.run("start", {"TMPDIR": str(scratch)}).stdout == "worker compiled 0\n"
    assert kept == {path: path.stat().st_mtime_ns for path in image.kernels.rglob("*")}


def test_another_cpu_compiles_anew_and_that_is_seen(image: Image, tmp_path: Path) -> None:
    environ = {"TMPDIR": str(tmp_path), "NUMBA_CPU_NAME": "x86-64"}
    assert image.run("start", environ).stdout == "worker compiled 1\n"


def test_a_start_without_kernels_says_so_and_starts(image: Image, tmp_path: Path) -> None:
    shutil.rmtree(image.kernels)
    said = image.run("start", {"TMPDIR": str(tmp_path)})
    assert said.stdout == "worker compiled 1\n"
    assert "compiled again" in said.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    assert os.access(script, os.X_OK)
    text = script.read_text("utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert re.search(r"^set -eu$", text, re.MULTILINE)
    subprocess.run([need_program("sh"), "-n", str(script)], check=True, timeout=30)


async def ready(port: int) -> tuple[int, str]:
    """Run the image's health check."""
    environ = {**os.environ, "SPANPULSE_WEB": str(port)}
    command = [sys.executable, "-I", "-S", str(COMPOSE / "image/ready.py")]
    said = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True, timeout=30)
    return said.returncode, said.stdout


async def test_the_health_check_says_what_readyz_says() -> None:
    metrics, health = Metrics("1"), Health(time.monotonic)
    server = HttpServer(
        observe_app(metrics, health, LoopPulse(time.monotonic, metrics)),
        host="127.0.0.1",
        port=0,
        setting="web",
        plain=True,
    )
    await server.start()
    port = int(server.address.rpartition(":")[2])
    try:
        code, said = await ready(port)
        assert (code, "starting" in said) == (1, True)
        health.started()
        assert (await ready(port))[0] == 0
        health.report(Condition.DATABASE_FAILING, "no answer since noon")
        code, said = await ready(port)
        assert (code, "no answer since noon" in said) == (1, True)
    finally:
        await server.stop()
    code, said = await ready(port)
    assert (code, said.startswith("no answer: ")) == (1, True)


def make_secrets(folder: Path) -> dict[str, str]:
    """Run secrets.sh in a folder and return what .env says."""
    script = folder / "secrets.sh"
    shutil.copy(COMPOSE / "secrets.sh", script)
    subprocess.run(["sh", str(script)], check=True, capture_output=True, timeout=60)
    lines = (folder / ".env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_secrets_are_random_and_their_hashes_are_theirs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = make_secrets(tmp_path / "a"), make_secrets(tmp_path / "b")
    assert set(one) == set(other)
    assert all(one[name] != other[name] for name in one)
    for name in ("CLICKHOUSE_PASSWORD", "CLICKHOUSE_GRAFANA_PASSWORD", "CLICKHOUSE_GATEWAY_PASSWORD"):
        assert re.fullmatch(r"[0-9a-f]{64}", one[name])
        assert one[f"{name}_SHA256"] == sha256(one[name])
    key = (tmp_path / "a/secrets/otlp_key").read_text("utf-8").strip()
    assert one["SPANPULSE_API_KEYS"] == f"default:{sha256(key)}"
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{20}[AQgw]", one["KAFKA_CLUSTER_ID"])
    for private in (".env", "secrets", "secrets/otlp_key"):
        assert not stat.S_IMODE((tmp_path / "a" / private).stat().st_mode) & 0o077, private


def test_secrets_that_are_there_stay_and_one_that_was_taken_out_is_made_anew(tmp_path: Path) -> None:
    first = make_secrets(tmp_path)
    assert make_secrets(tmp_path) == first
    file = tmp_path / ".env"
    file.write_text(re.sub(r"(?m)^CLICKHOUSE_PASSWORD=.*\n", "", file.read_text("utf-8")), "utf-8")
    second = make_secrets(tmp_path)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"CLICKHOUSE_PASSWORD", "CLICKHOUSE_PASSWORD_SHA256"}
    assert second["CLICKHOUSE_PASSWORD_SHA256"] == sha256(second["CLICKHOUSE_PASSWORD"])


def test_addresses_of_alerts_that_were_set_stay(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    slack = tmp_path / "secrets/slack_url"
    assert ".invalid/" in slack.read_text("utf-8")
    slack.write_text("https://hooks.example.com/x\n", "utf-8")
    make_secrets(tmp_path)
    assert slack.read_text("utf-8") == "https://hooks.example.com/x\n"
    assert stat.S_IMODE(slack.stat().st_mode) == 0o644
