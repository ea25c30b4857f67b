"""`spanpulse up` as a process of its own on a data folder: start, wait until ready, ask, stop, kill, start again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spanpulse_stream.control import ControlClient

START_WITHIN = 90.0
STOP_WITHIN = 30.0
# Nothing of the surroundings, small reserves: tests run many of these.
ENVIRONMENT = {"SPANPULSE_BALLAST_BYTES": "1048576", "SPANPULSE_DISK_FLOOR_BYTES": "0"}


class NotReady(Exception):  # noqa: N818
    """The process ended, or took too long, before it was ready; the message is its output."""


class Running:
    """One `spanpulse up` after another on the same data folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, prefix: list[str] | None = None) -> None:
        self.data = folder / "data"
        self._ready = folder / "ready.json"
        self._output = folder / "output.txt"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("SPANPULSE_")}
        self._environ |= {**ENVIRONMENT, **(environ or {})}
        self._default_prefix = prefix or []
        self._prefix = self._default_prefix
        self.process: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str | None] = {}
        self.started_in = 0.0

    @property
    def otlp(self) -> str:
        """The OTLP/HTTP endpoint."""
        return f"http://{self.addresses['otlp_http']}"

    @property
    def web(self) -> str:
        """The web endpoint."""
        return f"http://{self.addresses['web']}"

    @property
    def output(self) -> str:
        """What the newest process has printed."""
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""

    def start(
        self, *, wait: bool = True, prefix: list[str] | None = None, ports: Mapping[str, int] | None = None
    ) -> Self:
        """Start it; with ``wait`` until it is ready. Raises NotReady."""
        self._ready.unlink(missing_ok=True)
        self._prefix = self._default_prefix if prefix is None else prefix
        places = {"otlp-http": 0, "otlp-grpc": 0, "web": 0} | dict(ports or {})
        options = [word for name, port in places.items() for word in (f"--{name}", str(port))]
        command = [sys.executable, "-m", "spanpulse", "up", "--data", str(self.data), "--ready-file", str(self._ready)]
        begun = time.perf_counter()
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self._prefix, *command, *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environ,
                cwd=self.data.parent,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()
            self.started_in = time.perf_counter() - begun
        return self

    def wait_ready(self, within: float = START_WITHIN) -> None:
        """Wait for the ready file."""
        assert self.process is not None
        deadline = time.monotonic() + within
        while not self._ready.exists():
            if self.process.poll() is not None:
                raise NotReady(f"exit code {self.process.returncode}:\n{self.output}")
            if time.monotonic() > deadline:
                self.kill()
                raise NotReady(f"not ready within {within} s:\n{self.output}")
            time.sleep(0.01)
        self.addresses = json.loads(self._ready.read_text())

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return [json.loads(line) for line in ControlClient(self.data, 60).query(query, "JSONEachRow").splitlines()]

    def one(self, expression: str) -> Any:
        """Return the one value of `SELECT expression`, which may go on with FROM."""
        (row,) = self.sql(f"SELECT {expression}")
        (value,) = row.values()
        return value

    def status(self) -> dict[str, Any]:
        """Return what `spanpulse status --json` prints."""
        return ControlClient(self.data, 60).status()

    def drain(self, within: float = 120.0) -> dict[str, Any]:
        """Wait until nothing is pending and return the status."""
        deadline = time.monotonic() + within
        while (status := self.status())["completeness"]["pending"]:
            assert time.monotonic() < deadline, f"still pending: {status}\n{self.output}"
            time.sleep(0.05)
        return status

    def stop(self) -> int:
        """End it as an operator does, and return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self._pid(), signal.SIGTERM)
        return self.process.wait(STOP_WITHIN)

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self._pid(), signal.SIGKILL)
            os.kill(self.process.pid, signal.SIGKILL) if self._pid() != self.process.pid else None
        self.process.wait(STOP_WITHIN)

    def _pid(self) -> int:
        """The process itself, where a tool like strace stands before it."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if self._prefix and children.exists() and (found := children.read_text().split()):
            return int(found[0])
        return self.process.pid

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill() if kind else self.stop()
