"""What a process of a cluster says and does where something is missing, wrong or away when it starts.

What passes by itself is waited for, with a message that names it; what only a person can mend ends the process at once,
with a message that says how.
"""

import asyncio
import re
import time
from collections.abc import Iterator

import httpx
import pytest

from clickhouse_running import ClickHouse, running_clickhouse
from cluster_running import Cluster, NotReady, Role
from cluster_standing import eventually
from cluster_storm import PROTOBUF
from kafka_running import Kafka
from spanpulse_stream.cluster import CANNOT_START
from spanpulse_stream.cluster._database import connect_server
from spanpulse_stream.settings import load_settings
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

AT_ONCE_S = 75.0  # a start takes a few seconds, more on a busy machine; what is waited for is for minutes


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[ClickHouse]:
    with running_clickhouse(password="secret-word") as running:
        yield running


@pytest.fixture(scope="module")
def up(kafka: Kafka, clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    environ = {"SPANPULSE_CLICKHOUSE_PASSWORD": clickhouse.password}
    with Cluster(tmp_path_factory.mktemp("starts"), kafka, clickhouse, environ) as cluster:
        cluster.init()
        yield cluster


def refuses(role: Role, told: str) -> None:
    """Assert that a process ends by itself, soon, with an exit code, no trace and a message."""
    begun = time.monotonic()
    with pytest.raises(NotReady, match=rf"exit code [1-9](.|\n)*{told}"):
        role.start()
    assert time.monotonic() - begun < AT_ONCE_S
    assert "Traceback" not in role.output
    assert "secret-word" not in role.output


def stored(up: Cluster) -> int:
    client = up.clickhouse.client(database="spanpulse")
    return int(client.query("SELECT count() FROM span_rows").result_rows[0][0])


def test_kafka_absent_when_processes_start(kafka: Kafka, up: Cluster) -> None:
    """A worker waits and says for whom; a gateway serves at once, says that it is not ready and takes nothing."""
    body = LoadGenerator(1).request(time.time_ns())
    before = stored(up)
    kafka.kill(0)
    try:
        worker, gateway = up.role("worker").start(wait=False), up.role("gateway").start_unready()
        waits = rf"Kafka does not answer, waiting for it: {re.escape(kafka.bootstrap[0])} \(connection refused\)"
        eventually(lambda: re.search(waits, worker.output) is not None, told=lambda: worker.output)
        refused = httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
        readiness = httpx.get(f"{gateway.web}/readyz", timeout=30)
        assert (readiness.status_code, "kafka_failing" in readiness.text) == (503, True)
        assert httpx.get(f"{gateway.web}/healthz", timeout=30).status_code == 200
    finally:
        kafka.start_broker(0)
    for role in (worker, gateway):
        role.wait_ready()
    assert "not ready: Kafka" in gateway.output
    eventually(lambda: httpx.get(f"{gateway.web}/readyz", timeout=30).status_code == 200)
    taken = httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30)
    assert taken.status_code == 200
    eventually(lambda: stored(up) == before + 512)
    assert (worker.stop(), gateway.stop()) == (0, 0)


def test_clickhouse_absent_when_processes_start(up: Cluster) -> None:
    up.clickhouse.faults.refuse()
    try:
        goes_on, stops = [up.role(kind).start(wait=False) for kind in ("dashboard", "worker")]
        for role in (goes_on, stops):
            waits = f"waiting for ClickHouse at {up.clickhouse.url}"
            eventually(lambda role=role, waits=waits: waits in role.output, told=lambda role=role: role.output)
            assert role.running
        assert stops.stop() in {0, -15}
        assert "Traceback" not in stops.output
    finally:
        up.clickhouse.faults.open()
    goes_on.wait_ready()
    assert goes_on.stop() == 0
    assert "secret-word" not in goes_on.output


def refusal(up: Cluster, **changes: str) -> str:
    """Return what keeps a process with other settings from starting; told without a wait."""
    own = {**up.own, **{f"SPANPULSE_{name.upper()}": value for name, value in changes.items()}}
    begun, waited = time.monotonic(), []
    with pytest.raises(CANNOT_START) as raised:
        asyncio.run(connect_server(load_settings(environ=own).settings, waited.append)).close()
    assert time.monotonic() - begun < AT_ONCE_S
    assert waited == []
    assert "-word" not in str(raised.value)
    return str(raised.value)


def test_a_wrong_password_or_user_is_said_at_once(up: Cluster) -> None:
    for wrong in ({"clickhouse_password": "another-word"}, {"clickhouse_user": "nobody"}):
        assert f"ClickHouse at {up.clickhouse.url} refuses: " in refusal(up, **wrong)


def test_without_init_it_says_so(up: Cluster) -> None:
    assert "nothing_here" in refusal(up, clickhouse_database="nothing_here")
    nobody = {"SPANPULSE_KAFKA_TOPIC_PREFIX": "nobody"}
    gateway, worker = up.role("gateway", **nobody).start_unready(), up.role("worker", **nobody)
    refuses(worker, "topic nobody.otlp is missing: run `spanpulse init`")
    eventually(lambda: "`spanpulse init`" in httpx.get(f"{gateway.web}/readyz", timeout=30).text)
    assert httpx.get(f"{gateway.web}/readyz", timeout=30).status_code == 503
    gateway.kill()


def test_a_schema_from_a_later_version(up: Cluster) -> None:
    """One that only adds will do; one that took something away will not; `init` touches neither."""
    client = up.clickhouse.client(database="spanpulse")
    client.command("INSERT INTO migrations (version, name) VALUES (901, 'more_columns')")
    asyncio.run(connect_server(up.settings, str)).close()
    with pytest.raises(AssertionError, match="the data has schema 901, this version knows up to"):
        up.init()
    client.command("INSERT INTO migrations (version, name) VALUES (902, 'fewer_columns_contract')")
    assert "the schema no longer fits this version (fewer_columns_contract): upgrade spanpulse" in refusal(up)
