"""What some tests need of the machine: strace that may trace, a small file system, Chromium, Java, OpenSSL.

Without it a test is skipped and says so, unless SPANPULSE_REQUIRE names it: then that is a failure, so that a
run which must hold everything cannot pass by leaving things out.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from kafka_jars import NoKafka, jars, java

__all__ = ["chromium", "need_chromium", "need_java", "need_openssl", "need_program", "need_strace", "small_file_system"]

REQUIRED = {name.strip() for name in os.environ.get("SPANPULSE_REQUIRE", "").split(",")}


def missing(name: str, reason: str) -> None:
    """Skip the test, or fail it where ``name`` is required."""
    if name in REQUIRED:
        pytest.fail(f"{name} is required here: {reason}")
    pytest.skip(reason)


@cache
def can_trace() -> bool:
    """Tell whether strace is here and may trace a child."""
    strace = shutil.which("strace")
    return strace is not None and not subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode


def need_strace() -> None:
    """Skip or fail without strace."""
    if not can_trace():
        missing("strace", "strace is not here, or may not trace")


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the path of the system's Chromium, if there is one."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def need_chromium() -> str:
    """Return the path of the system's Chromium; skip or fail without one."""
    found = chromium()
    if found is None:
        missing("chromium", f"no browser is here: install one of {', '.join(CHROMIUM)}")
    assert found is not None
    return found


def need_java() -> None:
    """Skip or fail where Kafka cannot run: without Java 17, or without Maven to bring its jars the first time."""
    try:
        java()
        jars()
    except NoKafka as error:
        missing("java", str(error))


def need_openssl() -> None:
    """Skip or fail without the command that makes certificates."""
    if shutil.which("openssl") is None:
        missing("openssl", "the command openssl is not here")


def need_program(name: str) -> str:
    """Return the path of a program, from PATH or beside this interpreter; skip or fail without it."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        missing(name, f"{name} is not here")
    assert found is not None
    return found


@contextmanager
def small_file_system(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system of that size in a new folder of ``folder``; skip or fail where that is not allowed."""
    mount = folder / "small"
    mount.mkdir()
    size = f"size={megabytes}m"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "none", str(mount)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        missing("small-disk", f"cannot mount a small file system: {made.stderr.strip()}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)
