"""A cluster whose Kafka wants TLS and a user, whose ClickHouse wants a password and whose senders want a key.

Spans arrive exactly once, also past a database that is away for a while; and no process ever writes a password, a key
or a token into what it prints, however much it is asked to print and whatever fails.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster, NotReady, Role
from cluster_standing import eventually
from cluster_storm import PROTOBUF
from kafka_running import Kafka
from kafka_security import PASSWORDS, USER
from requirements import need_java, need_openssl
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

API_KEY, REVOKED_KEY = "api-key-of-acme-0123", "api-key-that-is-wrong-0123"
CLICKHOUSE, WRONG_CLICKHOUSE = "the-clickhouse-p@ss word", "not-the-clickhouse-word"
WRONG_KAFKA = "not-the-kafka-word"
WEB_TOKEN = "the-web-token-0123456789"
KEY_HASH = hashlib.sha256(API_KEY.encode()).hexdigest()
SECRETS = (PASSWORDS[USER], API_KEY, REVOKED_KEY, KEY_HASH, CLICKHOUSE, WRONG_CLICKHOUSE, WRONG_KAFKA, WEB_TOKEN)
LIBRARIES = re.compile(r'"logger": "(urllib3|clickhouse_connect)')
AWAY, BACK = "ClickHouse does not answer", "ClickHouse answers again"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster with secrets of every kind, whose processes print as much as they can."""
    need_java()
    need_openssl()
    folder = tmp_path_factory.mktemp("secured")
    with (
        Kafka.start(folder, security="SASL_SSL") as kafka,
        ClickHouse.start(folder / "clickhouse", password=CLICKHOUSE) as clickhouse,
        Cluster(folder, kafka, clickhouse, secured(kafka)) as made,
    ):
        made.init()
        yield made


def secured(kafka: Kafka) -> dict[str, str]:
    own = kafka.settings()
    assert own.kafka_sasl_password is not None
    return {
        "SPANPULSE_KAFKA_SECURITY_PROTOCOL": own.kafka_security_protocol,
        "SPANPULSE_KAFKA_SSL_CA": str(own.kafka_ssl_ca),
        "SPANPULSE_KAFKA_SASL_MECHANISM": own.kafka_sasl_mechanism,
        "SPANPULSE_KAFKA_SASL_USERNAME": str(own.kafka_sasl_username),
        "SPANPULSE_KAFKA_SASL_PASSWORD": own.kafka_sasl_password.get_secret_value(),
        "SPANPULSE_CLICKHOUSE_PASSWORD": CLICKHOUSE,
        "SPANPULSE_API_KEYS": f"acme:{KEY_HASH}",
        "SPANPULSE_WEB_TOKEN": WEB_TOKEN,
        "SPANPULSE_LOG_LEVEL": "debug",
        "SPANPULSE_LOG_FORMAT": "json",
    }


@pytest.fixture(scope="module")
def roles(cluster: Cluster) -> Mapping[str, Role]:
    """Give a process of each kind, all running; the worker and the gateway show who they are in different ways."""
    plain = {"SPANPULSE_KAFKA_SASL_MECHANISM": "PLAIN"}
    made = {
        "gateway": cluster.role("gateway", **plain),
        "worker": cluster.role("worker"),
        "dashboard": cluster.role("dashboard"),
    }
    for role in made.values():
        role.start(wait=False)
    for role in made.values():
        role.wait_ready()
    return made


class Sender:
    """Sends requests of the same load; ``taken`` spans are acknowledged so far."""

    def __init__(self, gateway: Role) -> None:
        self.gateway = gateway
        self.load = LoadGenerator(7)
        self.taken = 0

    def send(self, requests: int, key: str = API_KEY) -> list[int]:
        """Send that many and return how they were answered."""
        found = []
        for _ in range(requests):
            headers = {**PROTOBUF, "x-api-key": key}
            body = self.load.request(time.time_ns())
            found.append(httpx.post(f"{self.gateway.otlp}/v1/traces", content=body, headers=headers, timeout=30))
            self.taken += self.load.spans_per_request * (found[-1].status_code == httpx.codes.OK)
        return [answer.status_code for answer in found]


@pytest.fixture(scope="module")
def sender(roles: Mapping[str, Role]) -> Sender:
    return Sender(roles["gateway"])


def all_arrive(cluster: Cluster, sender: Sender) -> None:
    """Wait until every acknowledged span is stored once, under the tenant of its key."""
    cluster.drain()
    ids = "toInt64(uniqExact(trace_id, span_id)) FROM span_rows WHERE tenant = 'acme'"
    assert (cluster.one("toInt64(count()) FROM span_rows"), cluster.one(ids)) == (sender.taken, sender.taken)


def messages(role: Role, told: str) -> list[dict[str, Any]]:
    """Return the lines of a process's log that say something."""
    lines = [line for line in role.output.splitlines() if line.startswith("{")]
    return [found for line in lines if told in (found := json.loads(line))["message"]]


def test_spans_arrive_over_tls(cluster: Cluster, sender: Sender) -> None:
    assert sender.send(4) == [200] * 4
    assert sender.send(2, REVOKED_KEY) == [401] * 2
    all_arrive(cluster, sender)


def test_a_broker_that_comes_back_is_spoken_to_again(
    cluster: Cluster, roles: Mapping[str, Role], sender: Sender
) -> None:
    cluster.kafka.kill(0)
    cluster.kafka.start_broker(0)
    eventually(lambda: sender.send(1) == [200], told=lambda: roles["gateway"].output[-3000:])
    all_arrive(cluster, sender)


def test_a_database_that_is_away_is_told_of_once(cluster: Cluster, roles: Mapping[str, Role], sender: Sender) -> None:
    """Not by every library for every attempt, and once more when it is back."""
    worker, faults = roles["worker"], cluster.clickhouse.faults
    faults.refuse(drop=True)
    try:
        assert sender.send(2) == [200] * 2
        eventually(lambda: bool(messages(worker, AWAY)), told=lambda: worker.output[-3000:])
        asked = httpx.get(f"{worker.web}/readyz", timeout=30)
        assert (asked.status_code, "database_failing" in asked.text) == (503, True)
        time.sleep(5)  # it is asked several times meanwhile
    finally:
        faults.open()
    all_arrive(cluster, sender)
    eventually(lambda: bool(messages(worker, BACK)), told=lambda: worker.output[-3000:])
    assert [len(messages(worker, told)) for told in (AWAY, BACK)] == [1, 1], worker.output[-6000:]
    for role in roles.values():
        assert not LIBRARIES.search(role.output), role.output[-6000:]


def test_wrong_passwords_are_told_at_once(cluster: Cluster) -> None:
    """They end a process; a gateway serves, takes nothing and says why."""
    kafka, clickhouse = (
        {"SPANPULSE_KAFKA_SASL_PASSWORD": WRONG_KAFKA},
        {"SPANPULSE_CLICKHOUSE_PASSWORD": WRONG_CLICKHOUSE},
    )
    ending = [
        cluster.role(kind, **wrong)
        for kind, wrong in (("worker", kafka), ("worker", clickhouse), ("dashboard", clickhouse))
    ]
    gateway = cluster.role("gateway", **kafka)
    for role in (*ending, gateway):
        role.start(wait=False)
    for role in ending:
        with pytest.raises(NotReady, match=r"exit code [1-9]"):
            role.wait_ready()
        assert "Traceback" not in role.output
    gateway.wait_started()
    assert Sender(gateway).send(1) == [503]
    told = "kafka_sasl_username and kafka_sasl_password"
    eventually(lambda: told in httpx.get(f"{gateway.web}/readyz", timeout=30).text, told=lambda: gateway.output)
    assert gateway.stop() == 0


@pytest.mark.long
def test_a_worker_that_loses_its_patience_ends_in_order(
    cluster: Cluster, roles: Mapping[str, Role], sender: Sender
) -> None:
    """With code 1 and the reason, also while Kafka does not answer, and with nothing of how its parts end."""
    assert roles["worker"].stop() == 0
    worker = cluster.role("worker", SPANPULSE_CLICKHOUSE_PATIENCE="6").start()
    assert sender.send(1) == [200]
    all_arrive(cluster, sender)
    cluster.clickhouse.faults.refuse(drop=True)
    try:
        assert sender.send(1) == [200]
        eventually(lambda: bool(messages(worker, AWAY)), told=lambda: worker.output[-3000:])
        cluster.kafka.freeze(0)
        eventually(lambda: not worker.running, within=120, told=lambda: worker.output[-3000:])
    finally:
        cluster.kafka.thaw(0)
        cluster.clickhouse.faults.open()
    assert worker.stop() == 1
    assert "spanpulse cannot go on: " in worker.output
    assert "Event loop is closed" not in worker.output
    assert "CancelledError" not in worker.output
    roles["worker"].start()
    all_arrive(cluster, sender)


def test_no_secret_is_ever_printed(cluster: Cluster, roles: Mapping[str, Role]) -> None:
    """All processes of this module: those that run, that could not start, and that end now."""
    assert [role.stop() for role in roles.values()] == [0, 0, 0]
    printed = {path: path.read_text() for path in Path(cluster.folder).glob("*/output.txt")}
    assert len(printed) >= 7
    for path, text in printed.items():
        assert not [secret for secret in SECRETS if secret in text], path
