"""What is shared by a cluster is followed by its workers without a restart, and what cannot be used is refused."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster
from cluster_storm import PROTOBUF
from kafka_running import Kafka
from spanpulse_stream.traffic import LoadGenerator

PRICES = "prices:\n- {provider: openai, model: gpt-4o-mini, input: 1, output: 2}\n"


@pytest.fixture(scope="module")
def cluster(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("shared")
    with ClickHouse.start(folder / "clickhouse") as server, Cluster(folder, kafka, server) as made:
        made.init()
        yield made


def share(cluster: Cluster, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "spanpulse", "share", *words],
        env=cluster.environ,
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def prices_of(versions: str) -> str:
    """Return the version of prices that a claim names; one with a file of people's own has a plus."""
    return str(json.loads(versions)["prices"])


def test_workers_follow_prices_and_settings(cluster: Cluster, tmp_path: Path) -> None:
    gateway, worker = cluster.role("gateway").start(), cluster.role("worker").start()
    load = LoadGenerator(5)

    def send() -> set[str]:
        """Send a request and return the versions of everything that is stored."""
        body = load.request(time.time_ns())
        httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30).raise_for_status()
        cluster.drain()
        return {row["versions"] for row in cluster.sql("SELECT DISTINCT versions FROM batches")}

    before = send()
    prices, settings = tmp_path / "prices.yaml", tmp_path / "settings.toml"
    prices.write_text(PRICES)
    settings.write_text('content = "none"\n')
    assert share(cluster, "prices", str(prices)).returncode == 0
    assert share(cluster, "settings", str(settings)).returncode == 0
    deadline = time.monotonic() + 60
    # One is followed before the other where a worker looks between the two imports.
    while not any('"content":"none"' in each and "+" in prices_of(each) for each in send() - before):
        assert time.monotonic() < deadline, worker.output[-3000:]
    shown = share(cluster).stdout
    assert "prices" in shown
    assert "settings" in shown
    # Another worker, which never saw the file, replays what was claimed under it.
    worker.kill()
    other = cluster.role("worker").start()
    send()
    assert other.stop() == 0
    assert gateway.stop() == 0


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("settings", "kafka_group = 'x'", "cannot be shared"),
        ("settings", "content = 'some'", "content"),
        ("settings", "content =", "settings.toml"),
        ("prices", "prices: 1", "prices"),
        ("keys", "acme:plain:short", "entry 1"),
    ],
)
def test_what_cannot_be_used_is_refused(cluster: Cluster, tmp_path: Path, kind: str, text: str, said: str) -> None:
    file = tmp_path / f"{kind}.toml"
    file.write_text(text)
    before = cluster.one(f"toInt64(count()) FROM shared_state WHERE kind = '{kind}'")
    done = share(cluster, kind, str(file))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert cluster.one(f"toInt64(count()) FROM shared_state WHERE kind = '{kind}'") == before


def test_keys_are_stored_as_hashes_alone(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# people\nacme:plain:0123456789abcdef0123\n")
    assert share(cluster, "keys", str(file)).returncode == 0
    (row,) = cluster.sql("SELECT text FROM shared_state WHERE kind = 'keys'")
    assert row["text"].startswith("acme:")
    assert "0123456789abcdef0123" not in row["text"]
