"""One broker of the tests as a process, and the watchdog that ends it when the tests are gone."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import kafka_watchdog
from kafka_jars import jars, java

STARTED = "Kafka Server started"
FORMAT_WITHIN = 90.0
LOG_SETTINGS = Path(__file__).with_name("kafka") / "log4j2.xml"
# The process waits for a line before it becomes a broker, so that the watchdog knows it before it is one.
UPON_A_LINE = ["sh", "-c", 'read -r go && exec "$@"', "sh"]


class NotUp(Exception):  # noqa: N818
    """A broker ended, or took too long; the message is the end of its output."""


class Broker:
    """One node: its files, and its process if it runs."""

    def __init__(self, folder: Path, node: int, java_options: Sequence[str]) -> None:
        self.properties = folder / f"broker-{node}.properties"
        self.data = folder / f"data-{node}"
        self.frozen = False
        self.process: subprocess.Popen[bytes] | None = None
        self._output = folder / f"broker-{node}.txt"
        self._java = [java(), *java_options, "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={LOG_SETTINGS}"]
        self._java += ["-cp", f"{jars()}/*"]

    @property
    def output(self) -> str:
        """What the newest process has printed."""
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""

    def format(self, cluster: str, options: Sequence[str]) -> None:
        """Make its empty log."""
        command = [*self._java, "kafka.tools.StorageTool", "format", f"--config={self.properties}"]
        command += [f"--cluster-id={cluster}"]  # which may begin with a dash
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=FORMAT_WITHIN)
        if done.returncode:
            raise NotUp(done.stdout[-2000:] + done.stderr[-2000:])

    def start(self, watchdog: "Watchdog") -> None:
        """Start its process; `started` tells when it is there."""
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*UPON_A_LINE, *self._java, "kafka.Kafka", str(self.properties)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        watchdog.watch(self.process.pid)
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def started(self) -> bool:
        """Tell whether its process has said that it is up. Raises NotUp where it ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise NotUp(f"exit code {self.process.returncode}:\n{self.output[-4000:]}")
        return STARTED in self.output

    def kill(self, watchdog: "Watchdog") -> None:
        """End its process at once, frozen or not; without one do nothing."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            watchdog.forget(self.process.pid)
        self.process, self.frozen = None, False


class Watchdog:
    """The process that ends brokers when this one is gone."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-I", kafka_watchdog.__file__, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def watch(self, pid: int) -> None:
        """End this one too."""
        self._say(pid)

    def forget(self, pid: int) -> None:
        """Leave this one alone: it has ended."""
        self._say(-pid)

    def end(self) -> None:
        """Have it clean up and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _say(self, number: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % number)
        self._process.stdin.flush()
