"""The command line as a person calls it: a process of its own, and what it printed."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from running import ENVIRONMENT


@dataclass(frozen=True)
class Printed:
    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """Return the surroundings without settings of spanpulse, and a wide terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPANPULSE_")}
    return {**kept, **ENVIRONMENT, "COLUMNS": "200"}


def spanpulse(*words: str, folder: Path, environ: Mapping[str, str] | None = None, within: float = 120) -> Printed:
    """Run `spanpulse WORDS` in ``folder`` with none of the surroundings' settings."""
    done = subprocess.run(
        [sys.executable, "-m", "spanpulse", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**environment(), **(environ or {})},
        timeout=within,
        check=False,
    )
    return Printed(done.returncode, done.stdout, done.stderr)
