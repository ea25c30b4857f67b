"""Other versions of SDKs than those the tests run with: folders of packages, and processes that see nothing else.

Each folder is made once by a plain `pip install` of exact versions, under `.cache/` of the repository, keyed by them
and the Python; two processes that want the same wait for one another. A process that runs with it sees the standard
library, the packages, the wrapper and the tests' helpers.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["OLDEST_OPENTELEMETRY", "packages", "run"]

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "packages"
OLDEST_OPENTELEMETRY = ("opentelemetry-sdk==1.39.1",)
"""What pyproject.toml asks for at least."""
INSTALL_S, RUN_S = 280, 120


def packages(*pins: str) -> Path:
    """Return a folder with distributions of exact versions, such as "openai==1.40.0", and what they need.

    Raises subprocess.CalledProcessError where pip cannot install them.
    """
    said = "\n".join([sys.version, *sorted(pins)])
    folder = CACHE / hashlib.sha256(said.encode()).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(pins, folder)
    return folder


def run(folder: Path, script: str, *given: str, text: str = "") -> str:
    """Run a script of tests/ with the packages of a folder; return what it prints.

    Raises AssertionError with what it said for one that fails.
    """
    path = os.pathsep.join([str(folder), str(ROOT / "instrumentation"), str(ROOT / "tests")])
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-S", str(ROOT / "tests" / script), *given],
        input=text,
        env=environ,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return ran.stdout


def _install(pins: tuple[str, ...], folder: Path) -> None:
    """Install into a folder that appears when it is whole."""
    aside = Path(tempfile.mkdtemp(dir=CACHE))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--only-binary", ":all:", "--target", str(aside)]
    try:
        subprocess.run([*pip, *pins], check=True, timeout=INSTALL_S, capture_output=True, text=True)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
