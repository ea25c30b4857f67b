"""A backup under load, interrupted at random and continued, restored and compared with the truth."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from command_line import Printed, spanpulse
from otlp.requests import PROTOBUF
from running import Running
from spanpulse_stream.traffic import LoadGenerator
from sums import check

HEADERS = {"content-type": PROTOBUF}
KILLS = 3


class Sender:
    """Sends the requests of a load one after the other; ``acknowledged`` ones had their answer."""

    def __init__(self, running: Running, load: LoadGenerator) -> None:
        self.bodies: list[bytes] = []
        self._running, self._load = running, load
        self._stop = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._send)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _send(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self._stop.wait(0.05):
                body = self._load.request(time.time_ns())
                client.post(f"{self._running.otlp}/v1/traces", content=body, headers=HEADERS).raise_for_status()
                self.bodies.append(body)


def backup(data: Path, dest: Path, *words: str) -> Printed:
    return spanpulse("backup", str(dest), "--data", str(data), *words, folder=data.parent)


def restore(source: Path, data: Path) -> Printed:
    return spanpulse("restore", str(source), "--data", str(data), folder=source.parent)


def audit(running: Running) -> None:
    done = spanpulse("audit", "--data", str(running.data), folder=running.data.parent)
    assert done.code == 0, done.out + done.err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes], LoadGenerator]:
    """Return a folder with a backup that was made under load and killed on the way, and what was sent by its end."""
    folder = tmp_path_factory.mktemp("backup")
    running, load, rng = Running(folder), LoadGenerator(7), random.Random(7)
    with running:
        sender = Sender(running, load)
        with sender.at_work():
            for _ in range(KILLS):
                _killed_backup(running.data, folder / "backup", rng.uniform(0.5, 2.5))
            done = backup(running.data, folder / "backup", "--json")
            assert done.code == 0, done.err + running.output
        assert json.loads(done.out)["held_seconds"] < 30
        assert not (running.data / "backup-links").exists()
        again = json.loads(backup(running.data, folder / "backup", "--json").out)
        assert again["copied_bytes"] < again["bytes"]  # parts that were there are kept
        running.drain()
        check(running, load, len(sender.bodies), len(sender.bodies))
    return folder, sender.bodies, load


def _killed_backup(data: Path, dest: Path, after: float) -> None:
    """Begin a backup and kill the command; the process that copies for it hears that nobody waits."""
    words = [sys.executable, "-m", "spanpulse", "backup", str(dest), "--data", str(data)]
    begun = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        begun.wait(after)
    except subprocess.TimeoutExpired:
        begun.send_signal(signal.SIGKILL)
        begun.wait()


def test_a_restored_folder_goes_on_exactly(made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path) -> None:
    folder, bodies, load = made
    done = restore(folder / "backup", tmp_path / "data")
    assert done.code == 0, done.err
    with Running(tmp_path) as running:
        before = running.drain()["completeness"]
        assert before["unaccounted"] == 0
        check(running, load, 0, len(bodies))  # as of the backup: each request whole and once
        audit(running)
        for body in bodies:
            httpx.post(f"{running.otlp}/v1/traces", content=body, headers=HEADERS, timeout=60).raise_for_status()
        after = running.drain()["completeness"]
        assert after["duplicate"] - before["duplicate"] == before["stored"]
        check(running, load, len(bodies), len(bodies))
        audit(running)


def test_it_is_verified_and_a_wrong_file_is_named(
    made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path
) -> None:
    folder, _, _ = made
    copy = tmp_path / "backup"
    shutil.copytree(folder / "backup", copy)
    assert spanpulse("backup", str(copy), "--verify", folder=tmp_path).code == 0
    wrong = max(copy.glob("parts/*/*/data.bin"), key=lambda path: path.stat().st_size)
    content = bytearray(wrong.read_bytes())
    content[len(content) // 2] ^= 1
    wrong.write_bytes(content)
    lost = next(copy.glob("state-*/database/store/metadata/*.sql"))
    lost.unlink()
    done = spanpulse("backup", str(copy), "--verify", folder=tmp_path)
    assert done.code == 1
    assert "other content" in done.out
    assert lost.name in done.out
    assert "copies it again" in done.err
    refused = restore(copy, tmp_path / "data")
    assert (refused.code, "damaged" in refused.err, "--verify" in refused.err) == (2, True, True)
    mended = backup(folder / "data", copy)
    assert mended.code == 0, mended.err
    assert spanpulse("backup", str(copy), "--verify", folder=tmp_path).code == 0
    up = spanpulse("up", "--data", str(tmp_path / "data"), folder=tmp_path)
    assert (up.code, "restore" in up.err) == (2, True)


def test_an_interrupted_restore_goes_on(made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path) -> None:
    folder, bodies, load = made
    rng = random.Random(8)
    words = [sys.executable, "-m", "spanpulse", "restore", str(folder / "backup"), "--data", str(tmp_path / "data")]
    for _ in range(KILLS):
        begun = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            begun.wait(rng.uniform(0.8, 2.0))
        except subprocess.TimeoutExpired:
            begun.kill()
            begun.wait()
    if not (tmp_path / "data" / "log").exists():
        assert restore(folder / "backup", tmp_path / "data").code == 0
    with Running(tmp_path) as running:
        running.drain()
        check(running, load, 0, len(bodies))


def test_a_backup_of_a_newer_version_is_refused(made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path) -> None:
    folder, _, _ = made
    for field, value in (("schema", 9999), ("format", 9999)):
        copy = tmp_path / field
        copy.mkdir()
        manifest = json.loads((folder / "backup" / "manifest.json").read_text())
        (copy / "manifest.json").write_text(json.dumps({**manifest, field: value}))
        done = restore(copy, tmp_path / "data")
        assert (done.code, "upgrade" in done.err) == (2, True), done.err
        assert not (tmp_path / "data").exists()


def test_links_go_though_the_process_is_killed(made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path) -> None:
    """The next start removes them, and the next backup goes on with what was copied."""
    folder, bodies, load = made
    shutil.copytree(folder / "data", tmp_path / "data", symlinks=True)
    running, links = Running(tmp_path), tmp_path / "data" / "backup-links"
    words = [sys.executable, "-m", "spanpulse", "backup", str(tmp_path / "backup"), "--data", str(running.data)]
    with running:
        begun = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while begun.poll() is None and not links.exists():
            time.sleep(0.001)
        running.kill()
        begun.wait()
    with running:
        assert not links.exists()
        assert backup(running.data, tmp_path / "backup").code == 0
        check(running, load, len(bodies), len(bodies))


def test_bad_places_are_refused_with_what_to_do(made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path) -> None:
    folder, _, _ = made
    data = folder / "data"
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    for theirs in (
        "union/state-of-the-union/thesis.txt",
        "bike/parts/bike/wheel/a.txt",
        "state/state-1/b",
        "lock/lock",
    ):
        (tmp_path / theirs).parent.mkdir(parents=True)
        (tmp_path / theirs).write_text("mine")
    other = shutil.copytree(folder / "backup", tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "identity": manifest["identity"] + 1}))
    with Running(folder):
        for dest, told in (
            (data / "backup", "lie in each other"),
            (tmp_path / "used", "letter.txt"),
            (tmp_path / "union", "holds state-of-the-union, which is of no backup"),
            (tmp_path / "bike", "holds parts, which is of no backup"),
            (tmp_path / "state", "holds state-1, which is of no backup"),
            (tmp_path / "lock", "holds lock, which is of no backup"),
            (other, "a backup of another data folder"),
            (tmp_path / "file", "cannot write"),
        ):
            done = backup(data, dest)
            assert (done.code, told in done.err) == (2, True), done.err
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["letter.txt"]
    for source, target, told in (
        (tmp_path / "used", tmp_path / "new", "no backup"),
        (folder / "backup", tmp_path / "used", "not empty"),
        (folder / "backup", tmp_path / "file", "is a file"),
        (folder / "backup", folder / "backup" / "data", "lies in the backup"),
    ):
        done = restore(source, target)
        assert (done.code, told in done.err) == (2, True), done.err


def test_a_backup_without_a_running_process(made: tuple[Path, list[bytes], LoadGenerator], tmp_path: Path) -> None:
    folder, bodies, load = made
    done = backup(folder / "data", tmp_path / "backup")
    assert done.code == 0, done.err
    assert restore(tmp_path / "backup", tmp_path / "data").code == 0
    with Running(tmp_path) as running:
        running.drain()
        check(running, load, len(bodies), len(bodies))
