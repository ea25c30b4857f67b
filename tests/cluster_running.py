"""A cluster on this machine: real Kafka, a façade of ClickHouse, and our processes, to be killed and frozen."""

import asyncio
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

import httpx

from clickhouse_running import ClickHouse
from command_running import NotReady, RunningCommand
from kafka_running import Kafka
from spanpulse_stream.cluster._lag import GroupLag, PartitionLag
from spanpulse_stream.kafka import read_topics
from spanpulse_stream.settings import Settings, load_settings

__all__ = ["PARTITIONS", "Cluster", "NotReady", "Role"]

DRAIN_WITHIN = 180.0
PARTITIONS = 4
WEB = ("--web", "0")
PORTS = {"gateway": ("--otlp-http", "0", "--otlp-grpc", "0", *WEB), "worker": WEB, "dashboard": WEB}


class Role(RunningCommand):
    """One `spanpulse gateway`, `worker` or `dashboard` after another."""

    def __init__(self, kind: str, folder: Path, environ: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(kind, folder, {**environ, "SPANPULSE_DATA": str(folder / "data")}, append=True)

    def start_unready(self) -> Self:
        """Start it, until it says that it is not ready. Raises NotReady."""
        self.start(wait=False).wait_started()
        return self

    def start(self, *, wait: bool = True, options: tuple[str, ...] | None = None) -> Self:
        """Start it; with ``wait`` until it is ready. Raises NotReady."""
        self._begin(PORTS[self.kind] if options is None else options)
        if wait:
            self.wait_ready()
        return self

    def freeze(self) -> None:
        """Stop it with SIGSTOP."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


class Cluster:
    """Everything, on free ports. `init` first; roles are made by `role`."""

    def __init__(
        self, folder: Path, kafka: Kafka, clickhouse: ClickHouse, environ: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.kafka = kafka
        self.clickhouse = clickhouse
        self._roles: list[Role] = []
        bare = {name: value for name, value in os.environ.items() if not name.startswith("SPANPULSE_")}
        self.own = {
            "SPANPULSE_KAFKA_BROKERS": ",".join(kafka.bootstrap),
            "SPANPULSE_KAFKA_TOPIC_PREFIX": f"t{os.urandom(4).hex()}",
            "SPANPULSE_KAFKA_GROUP": f"g{os.urandom(4).hex()}",
            "SPANPULSE_KAFKA_PARTITIONS": str(PARTITIONS),
            "SPANPULSE_KAFKA_COLLECTOR_TOPICS": "[]",
            "SPANPULSE_KAFKA_SESSION_TIMEOUT": "6",
            "SPANPULSE_CLICKHOUSE_URL": clickhouse.url,
            **(environ or {}),
        }
        self.environ = {**bare, **self.own}
        self._client = httpx.Client(timeout=60)

    @property
    def settings(self) -> Settings:
        """The settings that all its processes share."""
        return load_settings(environ=self.own).settings

    def init(self, *options: str) -> str:
        """Run `spanpulse init` and return what it printed."""
        command = [sys.executable, "-m", "spanpulse", "init", *options]
        done = subprocess.run(
            command, env=self.environ, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def role(self, kind: str, **environ: str) -> Role:
        """Make a process of a role, which is not started."""
        role = Role(kind, self.folder / f"{kind}-{len(self._roles)}", {**self.environ, **environ})
        self._roles.append(role)
        return role

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        database = self.own.get("SPANPULSE_CLICKHOUSE_DATABASE", "spanpulse")
        answer = self._client.post(
            self.clickhouse.url,
            params={"database": database},
            headers={"x-clickhouse-user": self.clickhouse.user, "x-clickhouse-key": self.clickhouse.password},
            content=f"{query}\nFORMAT JSONEachRow".encode(),
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def one(self, expression: str) -> Any:
        """Return the one value of `SELECT expression`, which may go on with FROM."""
        (row,) = self.sql(f"SELECT {expression}")
        (value,) = row.values()
        return value

    def lag(self) -> list[PartitionLag]:
        """Return how far the workers are behind."""

        async def read() -> list[PartitionLag]:
            group = GroupLag(self.settings, read_topics(self.settings))
            try:
                return await group.read()
            finally:
                await group.close()

        return asyncio.run(read())

    def drain(self, within: float = DRAIN_WITHIN) -> None:
        """Wait until nothing waits in Kafka."""
        deadline = time.monotonic() + within
        while waiting := [each for each in self.lag() if each.messages]:
            assert time.monotonic() < deadline, f"still waiting: {waiting}\n{self.outputs()}"
            time.sleep(0.2)

    def status(self) -> dict[str, Any]:
        """Return the part of `spanpulse status` that sums are checked with."""
        known = "stored + duplicate + dead_lettered + filtered"
        return {"completeness": {"unaccounted": self.one(f"toInt64(sum(accepted) - sum({known})) FROM batches")}}

    def outputs(self) -> str:
        """Return the ends of what every process has printed."""
        return "\n".join(f"--- {role.kind}:\n{role.output[-3000:]}" for role in self._roles)

    def close(self) -> None:
        """End every process."""
        for role in self._roles:
            if role.running:
                role.thaw()
                role.kill()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
