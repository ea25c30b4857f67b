"""A ClickHouse server for tests (clickhouse_facade), in a process of its own: start, break, freeze, kill, start again.

Nothing is left behind: `stop` ends the process by its id, and the process ends itself when the tests are gone, even
killed ones. Every call blocks: in asynchronous tests use `asyncio.to_thread`.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import clickhouse_connect
import psutil

from ports import own

__all__ = ["ClickHouse", "Fault", "Faults", "NotUp", "Tls", "running_clickhouse"]

UP_WITHIN = 120.0
STOP_WITHIN = 60.0
FIRED_WITHIN = 90.0
# Below what systems give to outgoing connections: a server that is down for a while finds its port free again.
PORTS = own(range(10_000, 20_000))
TRIES = 5
# Linux ends the process together with the thread that started it: this one lives as long as the tests do.
STARTER = ThreadPoolExecutor(1, thread_name_prefix="clickhouse")


class NotUp(Exception):  # noqa: N818
    """The process ended, or took too long; the message is its output."""


@dataclass(frozen=True)
class Tls:
    """Files of a server's certificate and key, and of the authority whose certificate clients must show, if any."""

    certificate: Path
    key: Path
    clients: Path | None = None

    def words(self) -> list[str]:
        """Return them for a command line."""
        clients = ["--tls-ca", str(self.clients)] if self.clients else []
        return ["--tls-cert", str(self.certificate), "--tls-key", str(self.key), *clients]


@dataclass(frozen=True)
class Fault:
    """A rule that was added."""

    faults: "Faults"
    number: int

    @property
    def fired(self) -> int:
        """How often it fired."""
        return int(self._told()["fired"])

    @property
    def waiting(self) -> int:
        """How many requests wait for it now."""
        return int(self._told()["waiting"])

    def wait_fired(self, times: int = 1, within: float = FIRED_WITHIN) -> None:
        """Wait until it has fired so often. Raises TimeoutError."""
        self._wait("fired", times, within)

    def wait_waiting(self, requests: int = 1, within: float = FIRED_WITHIN) -> None:
        """Wait until so many requests wait for it (hang, hold, slow). Raises TimeoutError."""
        self._wait("waiting", requests, within)

    def release(self) -> None:
        """Let go who waits for it; later matches wait again."""
        self.faults.release(self.number)

    def remove(self) -> None:
        """Remove it, and let go who waits for it."""
        self.faults.call("DELETE", f"/rules/{self.number}")

    def _told(self) -> dict[str, Any]:
        rules = self.faults.counters()["rules"]
        return next(rule for rule in rules if rule["number"] == self.number)

    def _wait(self, what: str, at_least: int, within: float) -> None:
        deadline = time.monotonic() + within
        while self._told()[what] < at_least:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not {at_least} times {what} within {within:g} s: {self._told()}")
            time.sleep(0.02)


class Faults:
    """Rules and counters of a running server, by its control port. They are gone with the process."""

    def __init__(self, port: int) -> None:
        self._port = port

    def add(self, action: str, **rule: str | float | bool | None) -> Fault:
        """Add a rule; clickhouse_facade/_faults.py says what there is. Raises ValueError."""
        return Fault(self, int(self.call("POST", "/rules", {"action": action, **rule})["number"]))

    def clear(self) -> None:
        """Remove all rules, and let go who waits for one."""
        self.call("DELETE", "/rules")

    def release(self, number: int | None = None) -> None:
        """Let go who waits for a rule, or for any."""
        self.call("POST", "/release" if number is None else f"/release/{number}")

    def refuse(self, *, drop: bool = False) -> None:
        """Close the data port; ``drop`` cuts connections whose requests are not answered yet."""
        self.call("POST", "/refuse", {"drop": drop})

    def open(self) -> None:
        """Open the data port again."""
        self.call("POST", "/open")

    def counters(self) -> dict[str, Any]:
        """Return requests by kind, rules that fired by action, errors by code, inserts applied and rows by table."""
        return dict(self.call("GET", "/counters"))

    def applied(self, table: str) -> int:
        """Return how many inserts into a table were done, those that its tokens dropped included."""
        return int(self.counters()["applied"].get(table, 0))

    def inserts(self, table: str | None = None) -> list[dict[str, Any]]:
        """Return the inserts that were done, in order: table, rows, token."""
        return [each for each in self.call("GET", "/inserts") if table in {None, each["table"]}]

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Ask the control port. Raises ValueError, OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body or {}))
            response = connection.getresponse()
            told = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(told["error"])
        return told


class ClickHouse:
    """One server after another on the same folder and ports. Made by `start`."""

    def __init__(
        self,
        folder: Path,
        user: str,
        password: str,
        tls: Tls | None,
        options: Mapping[str, int | str],
    ) -> None:
        self.folder = folder
        self.user = user
        self.password = password
        self._tls = tls
        self._options = options
        self._output = folder / "output.txt"
        self.port, self._control_port = _free_ports()
        self.process: subprocess.Popen[bytes] | None = None
        self.frozen = False

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        user: str = "default",
        password: str = "",
        tls: Tls | None = None,
        options: Mapping[str, int | str] | None = None,
    ) -> Self:
        """Start one on a folder (made where there is none). Raises NotUp.

        ``options`` are settings of the engine, such as max_server_memory_usage.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(TRIES):
            server = cls(folder.resolve(), user, password, tls, options or {})
            try:
                server.restart()
            except NotUp:
                if attempt + 1 == TRIES or "Address already in use" not in server.output:
                    raise
            else:
                return server
        raise AssertionError

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def faults(self) -> Faults:
        """Its control port."""
        return Faults(self._control_port)

    @property
    def output(self) -> str:
        """What the newest process has printed."""
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the running process, in user and kernel."""
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def client(self, **options: Any) -> Any:
        """Return a client of clickhouse-connect; ``options`` are those of its `get_client`."""
        whose = {"username": self.user, "password": self.password}
        tls = {"interface": "https", "ca_cert": str(self._tls.certificate)} if self._tls else {}
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **{**whose, **tls, **options})

    def restart(self) -> None:
        """Start it again, on its folder and ports; a process that still runs is stopped first. Raises NotUp."""
        self.stop()
        self.process = STARTER.submit(self._popen).result()
        deadline = time.monotonic() + UP_WITHIN
        while not any(line.startswith("ready ") for line in self.output.splitlines()):
            if self.process.poll() is not None:
                raise NotUp(f"exit code {self.process.returncode}:\n{self.output[-4000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise NotUp(self.output[-4000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order, or by force where that takes too long; without a process do nothing."""
        if self.process is None:
            return
        if self.frozen:
            self.thaw()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """End it at once, frozen or not."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process, self.frozen = None, False

    def freeze(self) -> None:
        """Stop its process where it stands: connections are accepted by the system, nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True
        while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _popen(self) -> subprocess.Popen[bytes]:
        places = ["--folder", str(self.folder), "--port", str(self.port), "--control-port", str(self._control_port)]
        whose = ["--user", self.user, "--password", self.password, "--parent", str(os.getpid())]
        tls = self._tls.words() if self._tls else []
        options = [word for name, value in self._options.items() for word in ("--option", f"{name}={value}")]
        with self._output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "clickhouse_facade", *places, *whose, *tls, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
                start_new_session=True,
            )


@contextmanager
def running_clickhouse(folder: Path | None = None, **options: Any) -> Iterator[ClickHouse]:
    """Run a server on a folder, or on a new one that goes with it; ``options`` are those of `ClickHouse.start`."""
    with (
        TemporaryDirectory(prefix="clickhouse-") as temporary,
        ClickHouse.start(folder or Path(temporary), **options) as it,
    ):
        yield it


def _free_ports() -> tuple[int, int]:
    """Return two ports that nobody listens on."""
    found: list[int] = []
    while len(found) < 2:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port not in found and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found[0], found[1]
