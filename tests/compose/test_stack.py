"""The processes with the variables of docker-compose.yml, on real Kafka, and on the engine as the user that they are.

What the server's configuration does not let that user do fails here. Addresses and names of topics are the tests' own.
The engine knows one user at a time: while all of them run, the gateway and the dashboard are the others'; each is its
own user by itself.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from clickhouse_running import ClickHouse
from cluster_running import Role
from compose.as_user import configure
from compose.files import COMPOSE, image_environment, secrets, services
from kafka_running import Kafka
from otlp.requests import some_traces
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster import Shared
from spanpulse_stream.cluster._database import server_config
from spanpulse_stream.cluster._known_keys import KeysReader
from spanpulse_stream.settings import Settings

KEY = "a key of these tests"
SPANS = 300
STORED_WITHIN = 60.0
TRACE = f"/api/v1/traces/{1:032x}"
RANGE = "from=2023-11-14T00:00:00Z&to=2023-11-16T00:00:00Z"
SHOWN = (
    *(f"/api/v1/{what}?{RANGE}" for what in ("overview", "breakdown", "facets", "unpriced", "events", "traces")),
    *(f"/api/v1/breakdown?by={by}&{RANGE}" for by in ("user", "session", "service")),
    *(f"/api/v1/traces?order={order}&{RANGE}" for order in ("slowest", "dearest", "failed")),
    *(f"/api/v1/traces/search?q={q}&{RANGE}" for q in ("chat", "hello")),
    *("/api/v1/live", "/api/v1/completeness", "/api/v1/server"),
    *(TRACE, f"{TRACE}/spans/{1:016x}"),
    *("/", "/completeness", "/traces", "/unpriced"),
)


@pytest.fixture
def clickhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClickHouse]:
    """Give the engine, in which everybody is the user of the processes."""
    for name, value in secrets().items():
        monkeypatch.setenv(name, value)
    options = {"config-file": str(configure("spanpulse", tmp_path / "configuration"))}
    password = secrets()["CLICKHOUSE_PASSWORD"]
    with ClickHouse.start(tmp_path / "clickhouse", user="spanpulse", password=password, options=options) as server:
        yield server


def environment(service: str, kafka: Kafka, clickhouse: ClickHouse) -> dict[str, str]:
    """Return the variables of a service, with addresses of this machine."""
    told = {**image_environment(), **{name: str(value) for name, value in services()[service]["environment"].items()}}
    prefix = f"compose-{clickhouse.port}"
    here = {
        "SPANPULSE_KAFKA_BROKERS": ",".join(kafka.bootstrap),
        "SPANPULSE_CLICKHOUSE_URL": clickhouse.url,
        "SPANPULSE_API_KEYS": f"default:{hashlib.sha256(KEY.encode()).hexdigest()}",
    }
    here |= {"SPANPULSE_CLICKHOUSE_USER": clickhouse.user, "SPANPULSE_CLICKHOUSE_PASSWORD": clickhouse.password}
    told |= {name: value for name, value in here.items() if name in told}
    told |= {"SPANPULSE_HOST": "127.0.0.1", "SPANPULSE_WEB_HOST": "127.0.0.1"}
    told |= {"SPANPULSE_KAFKA_TOPIC_PREFIX": prefix, "SPANPULSE_KAFKA_GROUP": prefix, "SPANPULSE_KAFKA_PARTITIONS": "2"}
    own = {name: value for name, value in told.items() if name.startswith("SPANPULSE_")}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("SPANPULSE_")}, **own}


def ready(role: Role) -> str:
    """Return what the image's health check says against a process, '' if it is well."""
    environ = {**os.environ, "SPANPULSE_WEB": role.web.rpartition(":")[2]}
    command = [sys.executable, "-I", "-S", str(COMPOSE / "image/ready.py")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=30)
    return "" if done.returncode == 0 else done.stdout or done.stderr


def wait_ready(roles: Mapping[str, Role]) -> None:
    """Wait until the health check finds every process well."""
    deadline = time.monotonic() + STORED_WITHIN
    while troubles := {name: said for name, role in roles.items() if (said := ready(role))}:
        assert time.monotonic() < deadline, troubles
        time.sleep(0.2)


def send(gateway: Role) -> None:
    """Send spans, which are refused without the key."""
    body, form = some_traces(SPANS), {"content-type": "application/x-protobuf"}
    assert httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers=form, timeout=60).status_code == 401
    answer = httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers={**form, "x-api-key": KEY}, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text


def wait_stored(clickhouse: ClickHouse) -> None:
    """Wait until every span is in its table, and the batch is counted."""
    client = clickhouse.client(database="spanpulse")
    deadline = time.monotonic() + STORED_WITHIN
    counts = "SELECT (SELECT count() FROM spans), (SELECT sum(stored) FROM batches)"
    while (found := client.query(counts).result_rows[0]) != (SPANS, SPANS):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    client.close()


def look(dashboard: Role) -> None:
    """Ask a page all that it shows; it shows what was stored."""
    token = {"authorization": f"Bearer {secrets()['SPANPULSE_WEB_TOKEN']}"}
    with httpx.Client(base_url=dashboard.web, headers=token, timeout=60) as client:
        for path in SHOWN:
            page = client.get(path)
            assert page.status_code == httpx.codes.OK, f"{path}: {page.text}"
            assert "could not" not in page.text.lower(), path
        counted = client.get("/api/v1/completeness").json()
        assert counted["counts"]["stored"] == SPANS, counted
        assert counted["database_bytes"] > 0, counted
        trace = client.get(f"/api/v1/traces/{1:032x}").json()
        assert trace["spans"][0]["span_id"] == f"{1:016x}", trace


def as_dashboard(folder: Path, configuration: Path) -> ClickHouse:
    """Start the engine on a folder, in which everybody is the user of the dashboard."""
    password = secrets()["CLICKHOUSE_DASHBOARD_PASSWORD"]
    options = {"config-file": str(configure("dashboard", configuration))}
    return ClickHouse.start(folder, user="dashboard", password=password, options=options)


def test_a_gateway_reads_shared_keys_as_its_own_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in secrets().items():
        monkeypatch.setenv(name, value)
    passwords = {"spanpulse": "CLICKHOUSE_PASSWORD", "gateway": "CLICKHOUSE_GATEWAY_PASSWORD"}
    for user, password in passwords.items():
        options = {"config-file": str(configure(user, tmp_path / user))}
        with ClickHouse.start(
            tmp_path / "clickhouse", user=user, password=secrets()[password], options=options
        ) as server:
            settings = Settings(
                clickhouse_url=server.url, clickhouse_user=user, clickhouse_password=SecretStr(secrets()[password])
            )
            if user == "spanpulse":
                config = server_config(settings)
                ServerDatabase.prepare(config)
                Shared.add(ServerDatabase.connect(config), "keys", f"acme:{'0' * 64}\n", 7)
                continue
            reader = KeysReader(settings)
            row = reader.newest()
            reader.close()
            assert row is not None
            assert (row.version, row.text) == (7, f"acme:{'0' * 64}\n")


@pytest.mark.slow
def test_the_stack_stores_what_it_was_sent(tmp_path: Path, kafka: Kafka, clickhouse: ClickHouse) -> None:
    environ = {name: environment(name, kafka, clickhouse) for name in ("init", "gateway", "worker", "dashboard")}
    command = [sys.executable, "-m", "spanpulse", "init"]
    done = subprocess.run(
        command, env=environ["init"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    roles = {name: Role(name, tmp_path / name, environ[name]) for name in ("gateway", "worker", "dashboard")}
    try:
        for role in roles.values():
            role.start(wait=False)
        for role in roles.values():
            role.wait_ready()
        wait_ready(roles)
        send(roles["gateway"])
        wait_stored(clickhouse)
        look(roles["dashboard"])
        wait_ready(roles)
        assert {name: role.stop() for name, role in roles.items()} == dict.fromkeys(roles, 0)
    finally:
        for role in roles.values():
            role.kill()
    clickhouse.stop()
    with as_dashboard(clickhouse.folder, tmp_path / "read") as server:
        role = Role("dashboard", tmp_path / "reader", environment("dashboard", kafka, server))
        try:
            role.start()
            wait_ready({"dashboard": role})
            look(role)
            assert role.stop() == 0
        finally:
            role.kill()
