"""Full disks around a gateway: its own, of which it needs nothing, and the broker's, which may lose nothing."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clickhouse_running import ClickHouse, running_clickhouse
from cluster_running import Cluster, Role
from cluster_standing import eventually
from kafka_reading import read_topic
from kafka_running import Kafka
from otlp.requests import PROTOBUF, resource_spans, span, spans_of, traces
from requirements import need_java, small_file_system
from spanpulse_stream.kafka import OwnTopics

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
BROKER_MIB, LARGER_MIB = 40, 160
TEXT = 2_000_000


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[ClickHouse]:
    with running_clickhouse() as running:
        yield running


def fill(folder: Path) -> None:
    """Leave no byte free."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (MIB, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def takes(gateway: Role) -> None:
    """Wait until a gateway has found Kafka."""
    eventually(lambda: httpx.get(f"{gateway.web}/readyz", timeout=30).status_code == httpx.codes.OK)


def send(gateway: Role, number: int, text: str = "x") -> int:
    """Send one span and return how that was answered."""
    body = traces(resource_spans({"service.name": "shop"}, [span(number, text)]))
    answer = httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers={"content-type": PROTOBUF}, timeout=60)
    assert answer.status_code == httpx.codes.OK or int(answer.headers["retry-after"]) >= 1
    return answer.status_code


def written(cluster: Cluster, kafka: Kafka) -> set[int]:
    """Return the numbers of the spans that Kafka has."""
    records = asyncio.run(read_topic(kafka, OwnTopics.of(cluster.settings).otlp))
    return {int.from_bytes(one.span_id, "big") for record in records for one in spans_of(record.value)}


def test_a_gateway_whose_disk_is_full_goes_on(kafka: Kafka, clickhouse: ClickHouse, tmp_path: Path) -> None:
    """It was started before the disk filled up, with its log there as well, or starts with it full."""
    with small_file_system(tmp_path, 8) as disk, Cluster(tmp_path / "own", kafka, clickhouse) as cluster:
        cluster.folder.mkdir()
        cluster.init()
        after = Role("gateway", tmp_path / "after", cluster.environ)
        before = Role("gateway", disk / "gateway", {**cluster.environ, "SPANPULSE_LOG_LEVEL": "debug"}).start()
        try:
            takes(before)
            fill(disk)
            assert [send(before, number) for number in (1, 2, 3)] == [200] * 3
            (tmp_path / "after" / "data").symlink_to(disk / "gateway" / "data")
            after.start()
            takes(after)
            assert [send(after, number) for number in (4, 5)] == [200] * 2
            assert httpx.get(f"{before.web}/readyz", timeout=30).status_code == 200
            assert (before.stop(), after.stop()) == (0, 0)
        finally:
            for role in (before, after):
                if role.running:
                    role.kill()
        assert written(cluster, kafka) == {1, 2, 3, 4, 5}


@pytest.mark.long
def test_a_broker_whose_disk_is_full(clickhouse: ClickHouse, tmp_path: Path) -> None:
    """Requests are refused; once there is room and the broker was started anew, what was acknowledged is there."""
    need_java()
    own = {"SPANPULSE_KAFKA_COMPRESSION": "none", "SPANPULSE_KAFKA_TIMEOUT": "3"}
    own["SPANPULSE_CLICKHOUSE_DATABASE"] = "of_this_broker"
    with (
        small_file_system(tmp_path, BROKER_MIB) as disk,
        Kafka.start(disk) as kafka,
        Cluster(tmp_path / "own", kafka, clickhouse, own) as cluster,
    ):
        cluster.folder.mkdir()
        cluster.init()
        gateway = cluster.role("gateway").start()
        takes(gateway)
        acknowledged, number = set[int](), 1
        while (status := send(gateway, number, f"{number:08d}" * (TEXT // 8))) == httpx.codes.OK:
            acknowledged.add(number)
            number += 1
            assert number * TEXT < 2 * BROKER_MIB * MIB
        assert (status, len(acknowledged) > 5) == (503, True)
        assert send(gateway, number + 1) == 503
        subprocess.run(["mount", "-o", f"remount,size={LARGER_MIB}m", str(disk)], check=True)
        kafka.kill(0)
        kafka.start_broker(0)
        eventually(lambda: send(gateway, number + 2) == httpx.codes.OK, told=lambda: gateway.output)
        assert acknowledged | {number + 2} <= written(cluster, kafka)
