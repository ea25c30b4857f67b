"""One `spanpulse` command that runs until it is ended: start, wait until it is ready, stop, kill, start again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

START_WITHIN = 180.0
STOP_WITHIN = 60.0


class NotReady(Exception):  # noqa: N818
    """The process ended, or took too long, before it was ready; the message is its output."""


class RunningCommand:
    """One process after another of the same command. ``folder`` has the ready file and what they print."""

    def __init__(self, kind: str, folder: Path, environ: Mapping[str, str], *, append: bool) -> None:
        self.kind = kind
        self._folder = folder
        self._ready = folder / "ready.json"
        self._output = folder / "output.txt"
        self._environ = dict(environ)
        self._append = append
        self.process: subprocess.Popen[bytes] | None = None
        self._before = 0  # characters that processes before this one have printed
        self.addresses: dict[str, str | None] = {}

    @property
    def output(self) -> str:
        """What the newest process has printed; with ``append`` all of them."""
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def otlp(self) -> str:
        """The OTLP/HTTP endpoint."""
        return f"http://{self.addresses['otlp_http']}"

    @property
    def web(self) -> str:
        """The web endpoint."""
        return f"http://{self.addresses['web']}"

    def wait_ready(self, within: float = START_WITHIN) -> None:
        """Wait for the ready file. Raises NotReady."""
        assert self.process is not None
        deadline = time.monotonic() + within
        while not self._ready.exists():
            if self.process.poll() is not None:
                raise NotReady(f"{self.kind}: exit code {self.process.returncode}:\n{self.output[-6000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise NotReady(f"{self.kind}: not ready within {within} s:\n{self.output[-6000:]}")
            time.sleep(0.01)
        self.addresses = json.loads(self._ready.read_text())

    def wait_started(self, within: float = START_WITHIN) -> None:
        """Wait until it says that it has started and is not ready, and where it is. Raises NotReady."""
        assert self.process is not None
        deadline = time.monotonic() + within
        while not (said := self.output[self._before :].partition("started; not ready: ")[2]).count("\n  web "):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotReady(f"{self.kind} has not said that it started:\n{self.output[-6000:]}")
            time.sleep(0.01)
        self.addresses = dict(re.findall(r"^  (\w+) +http://(\S+)$", said, re.MULTILINE))

    def stop(self) -> int:
        """End it as an operator or an orchestrator does, and return the exit code."""
        assert self.process is not None
        if self.running:
            os.kill(self._pid(), signal.SIGTERM)
        return self.process.wait(STOP_WITHIN)

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.process is not None
        if self.running:
            os.kill(self._pid(), signal.SIGKILL)
        self.process.wait(STOP_WITHIN)

    def _pid(self) -> int:
        """The process itself."""
        assert self.process is not None
        return self.process.pid

    def _begin(self, options: Sequence[str], prefix: Sequence[str] = ()) -> None:
        """Start it, behind ``prefix`` where a tool like strace stands before it."""
        self._ready.unlink(missing_ok=True)
        self._before = len(self.output) if self._append else 0
        command = [sys.executable, "-m", "spanpulse", self.kind, *options, "--ready-file", str(self._ready)]
        with self._output.open("ab" if self._append else "wb") as output:
            self.process = subprocess.Popen(
                [*prefix, *command],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environ,
                cwd=self._folder,
                start_new_session=True,
            )
