"""`spanpulse up` as a process of its own on a data folder: start, wait until ready, ask, stop, kill, start again."""

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from command_running import STOP_WITHIN, NotReady, RunningCommand
from spanpulse_stream.control import ControlClient

__all__ = ["NotReady", "Running"]

# Nothing of the surroundings, small reserves: tests run many of these.
ENVIRONMENT = {"SPANPULSE_BALLAST_BYTES": "1048576", "SPANPULSE_DISK_FLOOR_BYTES": "0"}


class Running(RunningCommand):
    """One `spanpulse up` after another on the same data folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, prefix: list[str] | None = None) -> None:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("SPANPULSE_")}
        super().__init__("up", folder, {**bare, **ENVIRONMENT, **(environ or {})}, append=False)
        self.data = folder / "data"
        self._default_prefix = prefix or []
        self._prefix = self._default_prefix
        self.started_in = 0.0

    def start(
        self, *, wait: bool = True, prefix: list[str] | None = None, ports: Mapping[str, int] | None = None
    ) -> Self:
        """Start it; with ``wait`` until it is ready. Raises NotReady."""
        self._prefix = self._default_prefix if prefix is None else prefix
        places = {"otlp-http": 0, "otlp-grpc": 0, "web": 0} | dict(ports or {})
        options = [word for name, port in places.items() for word in (f"--{name}", str(port))]
        begun = time.perf_counter()
        self._begin(["--data", str(self.data), *options], self._prefix)
        if wait:
            self.wait_ready()
            self.started_in = time.perf_counter() - begun
        return self

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

    def drain(self, within: float = 180.0) -> dict[str, Any]:
        """Wait until nothing is pending and return the status."""
        deadline = time.monotonic() + within
        while (status := self.status())["completeness"]["pending"]:
            assert time.monotonic() < deadline, f"still pending: {status}\n{self.output}"
            time.sleep(0.05)
        return status

    def kill(self) -> None:
        """End it with SIGKILL, and the tool before it."""
        assert self.process is not None
        if self.running and self._pid() != self.process.pid:
            os.kill(self._pid(), signal.SIGKILL)
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_WITHIN)
        super().kill()

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
