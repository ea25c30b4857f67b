"""What the processes are told, here and on Kubernetes: settings that exist, with values that hold and fit together."""

import hashlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from compose.files import COMPOSE, image_environment, secrets, services
from compose.manifests import KUBERNETES, container_environment, documents, manifests, pods
from spanpulse_stream.cluster._database import server_config
from spanpulse_stream.gateway import OtlpOptions, check_page_binding
from spanpulse_stream.kafka import connection
from spanpulse_stream.settings import Settings, SettingsError, load_settings

READ = {".yml", ".yaml", ".md", ".sh", ".py", ".xml", ".properties", ".example", ""}
FILES = [path for path in COMPOSE.rglob("*") if path.is_file() and path.suffix in READ and "secrets" not in path.parts]
# What stands in the secret of a cluster that works.
REAL = {
    "SPANPULSE_KAFKA_SASL_PASSWORD": "a" * 32,
    "SPANPULSE_CLICKHOUSE_PASSWORD": "b" * 32,
    "CLICKHOUSE_GATEWAY_PASSWORD": "d" * 32,
    "CLICKHOUSE_DASHBOARD_PASSWORD": "e" * 32,
    "SPANPULSE_API_KEYS": f"default:{hashlib.sha256(b'key').hexdigest()}",
    "SPANPULSE_WEB_TOKEN": "c" * 32,
}
# Users of ClickHouse of those who are not `spanpulse`, and the names of their passwords.
WHO = {
    "gateway": ("gateway", "CLICKHOUSE_GATEWAY_PASSWORD"),
    "dashboard": ("dashboard", "CLICKHOUSE_DASHBOARD_PASSWORD"),
}
OWN = sorted(services(own=True))
PODS = sorted(pods())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a configuration file that says nothing, so that none of the working folder is read."""
    path = tmp_path / "spanpulse.toml"
    path.touch()
    return path


def composed(name: str, file: Path) -> Settings:
    """Return the settings of a service of docker-compose.yml."""
    environ = {**image_environment(), **{key: str(value) for key, value in services()[name]["environment"].items()}}
    return load_settings(environ=environ, file=file).settings


def test_every_variable_that_is_named_is_a_setting() -> None:
    assert len(FILES) > 20
    for path in FILES:
        for name in re.findall(r"\bSPANPULSE_([A-Z0-9_]+)\b", path.read_text("utf-8")):
            known = name.lower() in Settings.model_fields or name == "NAME"
            assert known, f"{path.relative_to(COMPOSE)}: SPANPULSE_{name}"


@pytest.mark.parametrize("name", OWN)
def test_a_service_is_told_what_it_needs(name: str, file: Path) -> None:
    settings = composed(name, file)
    assert (settings.host, settings.web_host) == ("0.0.0.0", "0.0.0.0")
    connection(settings, "test")
    if name == "gateway":
        OtlpOptions.from_settings(settings)  # refuses any but loopback without keys
    assert bool(settings.api_keys) == (name == "gateway")
    user, password = WHO.get(name, ("spanpulse", "CLICKHOUSE_PASSWORD"))
    assert settings.clickhouse_user == user
    assert server_config(settings).password == secrets()[password]
    if name == "dashboard":
        check_page_binding(settings.web_host, token=settings.web_token is not None)
    assert (settings.web_token is not None) == (name == "dashboard")


@pytest.mark.parametrize("name", OWN)
def test_addresses_are_those_of_the_services(name: str, file: Path) -> None:
    settings, kafka = composed(name, file), services()["kafka"]["environment"]
    assert [f"INTERNAL://{broker}" for broker in settings.kafka_brokers] == [kafka["KAFKA_ADVERTISED_LISTENERS"]]
    config = server_config(settings)
    server = ET.parse(COMPOSE / "clickhouse/config.xml").getroot()
    users = ET.parse(COMPOSE / "clickhouse/users.xml").getroot()
    assert (config.host, config.port) == ("clickhouse", int(server.findtext("http_port", "")))
    user = users.find(f"users/{config.user}")
    assert user is not None
    assert any(f"ON {config.database}." in (query.text or "") for query in user.iter("query"))


def test_published_ports_are_those_that_are_served(file: Path) -> None:
    served = composed("gateway", file)
    assert {port.rpartition(":")[2] for port in services()["gateway"]["ports"]} == {
        str(served.otlp_grpc),
        str(served.otlp_http),
    }
    assert [port.rpartition(":")[2] for port in services()["dashboard"]["ports"]] == [str(served.web)]


def test_a_broker_that_is_alone_keeps_one_copy(file: Path) -> None:
    assert composed("init", file).kafka_replication == 1


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_told_what_it_needs(name: str, file: Path) -> None:
    settings = load_settings(environ=container_environment(name, REAL), file=file).settings
    assert settings.kafka_security_protocol == "SASL_SSL"
    assert settings.kafka_ssl_ca == Path("/etc/spanpulse/ca/kafka.crt")
    assert (settings.clickhouse_url or "").startswith("https://")
    if name == "spanpulse-gateway":
        OtlpOptions.from_settings(settings)
    assert bool(settings.api_keys) == (name == "spanpulse-gateway")
    user, password = WHO.get(name.removeprefix("spanpulse-"), ("spanpulse", "SPANPULSE_CLICKHOUSE_PASSWORD"))
    assert settings.clickhouse_user == user
    assert server_config(settings).password == REAL[password]
    assert server_config(settings).tls
    if name == "spanpulse-dashboard":
        check_page_binding(settings.web_host, token=settings.web_token is not None)
    assert (settings.web_token is not None) == (name == "spanpulse-dashboard")
    assert (settings.kafka_instance == "spanpulse-worker-0") == (name == "spanpulse-worker")


@pytest.mark.parametrize("name", PODS)
def test_the_example_secret_starts_nothing(name: str, file: Path) -> None:
    (example,) = documents(KUBERNETES / "secret.example.yaml")
    assert set(example["stringData"]) == set(REAL)
    with pytest.raises(SettingsError, match="is empty"):
        load_settings(environ=container_environment(name, example["stringData"]), file=file)


def test_workers_are_no_more_than_partitions(file: Path) -> None:
    settings = load_settings(environ=container_environment("spanpulse-worker", REAL), file=file).settings
    (worker,) = (each for each in manifests() if each["kind"] == "StatefulSet")
    (scaled,) = (
        each for each in documents(KUBERNETES / "overlays/keda/scaled-object.yaml") if "triggers" in each["spec"]
    )
    assert worker["spec"]["replicas"] <= scaled["spec"]["maxReplicaCount"] <= settings.kafka_partitions
    asked = scaled["spec"]["triggers"][0]["metadata"]
    assert asked["consumerGroup"] == settings.kafka_group
    assert asked["topic"] == f"{settings.kafka_topic_prefix}.otlp"
    assert (asked["bootstrapServers"],) == settings.kafka_brokers


def test_a_static_member_has_time_to_come_back(file: Path) -> None:
    settings = load_settings(environ=container_environment("spanpulse-worker", REAL), file=file).settings
    assert settings.kafka_session_timeout >= 30
