"""Gateways follow the shared API keys: changed under load, revoked, unreadable, and with ClickHouse away or hanging."""

import json
import re
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster, Role
from cluster_standing import eventually
from cluster_storm import PROTOBUF
from kafka_running import Kafka
from otlp.requests import some_traces
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster import Shared
from spanpulse_stream.cluster._database import server_config
from spanpulse_stream.cluster._shared import hashed, keys_of

OWN, KEPT, FIRST, SECOND = (f"{name}-0123456789abcdef" for name in ("own", "kept", "first", "second"))
EVERY_S = 0.5
BODY = some_traces(3)


@dataclass
class Keys:
    """A cluster of gateways alone, and what is shared in it."""

    cluster: Cluster
    _versions: Iterator[int] = field(default_factory=lambda: count(time.time_ns() // 1_000_000))

    def share(self, *keys: str, text: str | None = None) -> int:
        """Share keys of the tenant acme, or a text as it is; return the version."""
        said = hashed(keys_of("".join(f"acme:plain:{key}\n" for key in keys))) if text is None else text
        database = ServerDatabase.connect(server_config(self.cluster.settings))
        try:
            return Shared.add(database, "keys", said, next(self._versions)).version
        finally:
            database.close()

    def forget(self) -> None:
        """Remove every row."""
        self.cluster.clickhouse.client(database="spanpulse").command("TRUNCATE TABLE shared_state")

    def gateway(self) -> Role:
        """Return a gateway that is not started."""
        return self.cluster.role(
            "gateway", SPANPULSE_API_KEYS=f"acme:plain:{OWN}", SPANPULSE_KEYS_INTERVAL=str(EVERY_S)
        )


@pytest.fixture(scope="module")
def _cluster(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("keys")
    with ClickHouse.start(folder / "clickhouse") as server, Cluster(folder, kafka, server) as made:
        made.init()
        yield made


@pytest.fixture
def keys(_cluster: Cluster) -> Iterator[Keys]:
    made = Keys(_cluster)
    made.forget()
    yield made
    _cluster.clickhouse.faults.clear()
    _cluster.clickhouse.faults.open()


def status(gateway: Role, key: str) -> int:
    return httpx.post(
        f"{gateway.otlp}/v1/traces", content=BODY, headers={**PROTOBUF, "x-api-key": key}, timeout=30
    ).status_code


def goes_by(gateway: Role, **expected: int) -> None:
    """Wait until the statuses of keys are these, by the names of the keys."""
    named = {"own": OWN, "kept": KEPT, "first": FIRST, "second": SECOND}

    def found() -> dict[str, int]:
        return {name: status(gateway, named[name]) for name in expected}

    eventually(lambda: found() == expected, told=lambda: (found(), gateway.output[-3000:]))


def metric(gateway: Role, name: str) -> float:
    found = re.search(rf"(?m)^spanpulse_{re.escape(name)} (\S+)$", httpx.get(f"{gateway.web}/metrics", timeout=30).text)
    assert found, name
    return float(found[1])


def looks(gateway: Role, outcome: str) -> float:
    return metric(gateway, f'keys_looks_total{{outcome="{outcome}"}}')


def wait_looks(gateway: Role, outcome: str, more: int = 2) -> None:
    """Wait until that many looks more have ended so."""
    before = looks(gateway, outcome)
    eventually(lambda: looks(gateway, outcome) >= before + more, told=lambda: gateway.output[-3000:])


@contextmanager
def sending(gateway: Role, *keys: str) -> Iterator[dict[str, Counter[int]]]:
    """Send with each key, one request after another, while the block runs; give how often each status came."""
    answers: dict[str, Counter[int]] = {key: Counter() for key in keys}
    over = threading.Event()

    def send(key: str) -> None:
        with httpx.Client(timeout=30) as client:
            while not over.is_set():
                answer = client.post(f"{gateway.otlp}/v1/traces", content=BODY, headers={**PROTOBUF, "x-api-key": key})
                answers[key][answer.status_code] += 1

    threads = [threading.Thread(target=send, args=(key,), daemon=True) for key in keys]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


@pytest.mark.slow
def test_keys_change_while_load_runs(keys: Keys) -> None:
    with_none, with_some = keys.gateway().start(), keys.gateway()
    goes_by(with_none, own=200, first=401)
    assert metric(with_none, "keys_version") == 0
    keys.share(KEPT, FIRST)
    with_some.start()
    goes_by(with_some, own=401, kept=200, first=200)
    goes_by(with_none, own=401, kept=200, first=200)
    with sending(with_some, KEPT, KEPT, KEPT) as answers:
        for changed in ((KEPT, SECOND), (FIRST, KEPT), (SECOND, KEPT)):
            version = keys.share(*changed)
            eventually(lambda version=version: metric(with_some, "keys_version") == version)
        goes_by(with_some, first=401, second=200)
    assert set(answers[KEPT]) == {200}
    assert answers[KEPT][200] > 20
    assert looks(with_some, "changed") == 4
    assert metric(with_some, "keys_age_seconds") < 10
    keys.forget()
    goes_by(with_some, own=200, kept=401)
    for role in (with_none, with_some):
        assert role.stop() == 0
        for key in (OWN, KEPT, FIRST, SECOND):
            assert key not in role.output
            assert keys_of(f"acme:plain:{key}").entries[0][1].hex() not in role.output


def test_a_revoked_key_is_refused_within_the_interval(keys: Keys) -> None:
    keys.share(KEPT, FIRST)
    gateway = keys.gateway().start()
    took = []
    for changed, expected in (((KEPT,), 401), ((KEPT, FIRST), 200), ((KEPT,), 401)):
        keys.share(*changed)
        begun = time.monotonic()
        eventually(lambda expected=expected: status(gateway, FIRST) == expected)
        took.append(time.monotonic() - begun)
    assert min(took) < EVERY_S + 1, took  # each, were the machine not shared
    assert max(took) < EVERY_S + 10
    assert gateway.stop() == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "error_500"},
        {"action": "hang"},
        {"action": "reset"},
        {"action": "half"},
        {"action": "code", "code": 516, "text": "Authentication failed"},
        {"action": "code", "code": 289, "text": "Replica doesn't have part"},
    ],
    ids=lambda fault: str(fault.get("code", fault["action"])),
)
def test_whatever_clickhouse_answers_the_last_keys_stay(keys: Keys, running: Role, fault: dict[str, str | int]) -> None:
    version = keys.share(KEPT, FIRST)
    eventually(lambda: metric(running, "keys_version") == version)
    rule = keys.cluster.clickhouse.faults.add(kind="select", pattern="shared_state", **fault)  # type: ignore[arg-type]
    newer = keys.share(KEPT)
    wait_looks(running, "failed", 1)
    assert [status(running, key) for key in (KEPT, FIRST, OWN)] == [200, 200, 401]
    assert httpx.get(f"{running.web}/readyz", timeout=30).status_code == 200
    rule.remove()
    eventually(lambda: metric(running, "keys_version") == newer, told=lambda: running.output[-3000:])
    goes_by(running, kept=200, first=401)


@pytest.fixture(scope="module")
def running(_cluster: Cluster) -> Role:
    """Give a gateway for all faults."""
    return Keys(_cluster).gateway().start()


def test_a_row_that_cannot_be_used_changes_nothing(keys: Keys, running: Role) -> None:
    version = keys.share(KEPT)
    eventually(lambda: metric(running, "keys_version") == version)
    for text in ("", "acme:word", "\x00\xff"):
        keys.share(text=text)
        wait_looks(running, "unreadable", 1)
        assert [status(running, key) for key in (KEPT, OWN)] == [200, 401]
    assert metric(running, "keys_version") == version
    assert "acme:word" not in running.output
    newer = keys.share(FIRST)
    eventually(lambda: metric(running, "keys_version") == newer)


def test_a_start_without_clickhouse_goes_by_the_file(keys: Keys) -> None:
    version = keys.share(KEPT, FIRST)
    gateway = keys.gateway().start()
    goes_by(gateway, kept=200)
    file = Path(gateway._folder) / "data/gateway/keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEPT not in file.read_text("utf-8")
    assert json.loads(file.read_text("utf-8"))["version"] == version
    faults = keys.cluster.clickhouse.faults
    gateway.kill()
    newer = keys.share(KEPT)
    faults.refuse(drop=True)
    gateway.start()
    goes_by(gateway, kept=200, first=200, own=401)
    eventually(lambda: httpx.get(f"{gateway.web}/readyz", timeout=30).status_code == 200)
    assert metric(gateway, "keys_version") == version
    assert looks(gateway, "failed") > 0
    faults.open()
    eventually(lambda: metric(gateway, "keys_version") == newer)
    goes_by(gateway, kept=200, first=401)
    assert gateway.stop() == 0


def test_a_first_start_without_clickhouse_lets_nobody_in_until_it_is_there(keys: Keys) -> None:
    keys.share(KEPT)
    faults = keys.cluster.clickhouse.faults
    faults.refuse(drop=True)
    gateway = keys.gateway().start_unready()
    for key in (OWN, KEPT):
        headers = {**PROTOBUF, "x-api-key": key}
        refused = httpx.post(f"{gateway.otlp}/v1/traces", content=BODY, headers=headers, timeout=30)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
    ready = httpx.get(f"{gateway.web}/readyz", timeout=30)
    assert ready.status_code == 503
    (why,) = (each["detail"] for each in ready.json()["reasons"] if each["reason"] == "keys_unknown")
    assert "the shared API keys could not be read" in why
    faults.open()
    goes_by(gateway, kept=200, own=401)
    eventually(lambda: httpx.get(f"{gateway.web}/readyz", timeout=30).status_code == 200)
    assert gateway.stop() == 0
