"""Load that never ends while an operation of maintenance runs, and what the rollups of a process hold in the end."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from running import Running
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase
from spanpulse_stream.control import ControlClient
from spanpulse_stream.traffic import LoadGenerator

ROLLUPS = (
    *("rollup_minute", "rollup_quarter", "rollup_experiment"),
    *("rollup_user", "rollup_service", "rollup_score", "rollup_score_experiment"),
)


class Sender:
    """Sends exports to a process and keeps what it sent, in order."""

    def __init__(self, running: Running, seed: int = 1) -> None:
        self.running = running
        self.load = LoadGenerator(seed)
        self.sent: list[bytes] = []
        self.failed: Exception | None = None

    def send(self, requests: int = 1) -> None:
        with httpx.Client(timeout=30) as client:
            for _ in range(requests):
                body = self.load.request(time.time_ns())
                post(client, self.running, body)
                self.sent.append(body)

    @contextmanager
    def going_on(self, spans_per_second: int = 2_000) -> Iterator[None]:
        """Send at a rate while the block runs."""
        ended = threading.Event()
        thread = threading.Thread(target=self._send_until, args=(ended, self.load.spans_per_request / spans_per_second))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if self.failed is not None:
            raise self.failed

    def _send_until(self, ended: threading.Event, every: float) -> None:
        due = time.monotonic()
        try:
            while not ended.wait(max(0.0, due - time.monotonic())):
                due += every
                self.send()
        except Exception as error:  # noqa: BLE001 -- raised where the test waits
            self.failed = error


def post(client: httpx.Client, running: Running, body: bytes) -> None:
    headers = {"content-type": "application/x-protobuf"}
    client.post(f"{running.otlp}/v1/traces", content=body, headers=headers).raise_for_status()


def operate(running: Running, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run an operation in a running process and return its report."""
    for event in ControlClient(running.data, 120).operate(name, arguments):
        if "report" in event:
            report: dict[str, Any] = event["report"]
            return report
    raise AssertionError("no report")


def merged(running: Running, table: str) -> list[dict[str, Any]]:
    """Return the rows of a rollup as merging leaves them in the end, whatever day they were received on."""
    columns = running.sql(f"DESCRIBE {table}")
    keys = [row["name"] for row in columns if "Aggregate" not in row["type"] and row["name"] != "received_day"]
    sums = [row for row in columns if "SimpleAggregateFunction(sum" in row["type"]]
    shown = ", ".join(
        f"mapFilter((k, v) -> v != 0, sumMap(r.{row['name']})) AS {row['name']}"
        if "sumMap" in row["type"]
        else f"toString(sum(r.{row['name']})) AS {row['name']}"
        for row in sums
    )
    by = ", ".join(keys)
    return running.sql(f"SELECT {by}, {shown} FROM {table} AS r GROUP BY {by} ORDER BY {by}")


def change(folder: Path, statements: list[str]) -> None:
    """Change a database that nothing runs on; in the process of the database."""
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database:
        for statement in statements:
            database.writer.command(statement)
