"""docker-compose.yml: what the specification allows, what is hardened, published, mounted, waited for and secret."""

import hashlib
import json
import re
import tomllib
from typing import Any

import jsonschema_rs
import pytest
import yaml

from compose.files import COMPOSE, IMAGE, ROOT, secrets, services, stack

SCHEMA = ROOT / "tests/fixtures/compose-spec/compose-spec.json"
SCHEMA_DIGEST = "d549057ebc2925f39f62799eab0db7b9e2c18b35b6c00595199116da3ed10e64"
TEXT = (COMPOSE / "docker-compose.yml").read_text("utf-8")
EXACT = re.compile(r":v?\d+\.\d+\.\d+(\.\d+)?$")
EVERY = sorted(services())


def test_the_file_is_one_of_the_compose_specification() -> None:
    schema = SCHEMA.read_bytes()
    assert hashlib.sha256(schema).hexdigest() == SCHEMA_DIGEST
    validator = jsonschema_rs.validator_for(json.loads(schema))
    assert [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(stack())] == []
    assert not validator.is_valid({**stack(), "services": {"kafka": {"imagge": "kafka"}}})


def test_every_image_is_one_version() -> None:
    for name, service in services().items():
        assert EXACT.search(service["image"]), f"{name}: {service['image']}"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"spanpulse:{version}" == IMAGE
    assert set(services(own=True)) == {"init", "gateway", "worker", "dashboard"}


@pytest.mark.parametrize("name", EVERY)
def test_a_service_may_do_no_more_than_it_must(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert service["restart"] == ("on-failure:3" if name == "init" else "unless-stopped")
    assert "max-size" in service["logging"]["options"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    if service["image"] != IMAGE:  # ours says so itself
        assert int(service["user"].partition(":")[0]) > 0
    for tmpfs in service.get("tmpfs", []):
        assert "size=" in tmpfs, "memory has a bound"


def test_a_broker_may_run_what_it_unpacks() -> None:
    """Its jar for zstd holds a library that it writes to /tmp and opens there; Docker forbids that unless told."""
    (temporary,) = (mount for mount in services()["kafka"]["tmpfs"] if mount.startswith("/tmp:"))
    assert "exec" in temporary.partition(":")[2].split(",")


def test_ports_are_published_on_this_machine_only() -> None:
    published = {port: name for name, service in services().items() for port in service.get("ports", [])}
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert set(published.values()) == {"gateway", "dashboard", "grafana", "prometheus", "alertmanager"}
    assert len({port.split(":")[1] for port in published}) == len(published)


def test_only_the_edge_leads_out_and_stores_are_reached_by_whom_they_serve() -> None:
    networks: dict[str, Any] = stack()["networks"]
    assert {name for name, network in networks.items() if not network.get("internal")} == {"edge"}
    members = {net: {name for name, each in services().items() if net in each["networks"]} for net in networks}
    assert members["log"] == {"kafka", "init", "gateway", "worker", "dashboard"}
    assert members["database"] == {"clickhouse", "init", "gateway", "worker", "dashboard", "grafana", "prometheus"}
    assert services()["kafka"]["networks"] == ["log"]
    assert services()["clickhouse"]["networks"] == ["database"]
    assert members["edge"] == {name for name, each in services().items() if "ports" in each}


def test_what_is_mounted_is_there_and_cannot_be_written() -> None:
    volumes = stack()["volumes"]
    for name, service in services().items():
        for mount in service.get("volumes", []):
            source, target, *options = mount.split(":")
            if not source.startswith("."):
                assert source in volumes, name
                continue
            assert (COMPOSE / source).exists(), f"{name}: {source}"
            assert options == ["ro"], f"{name}: {target}"
    assert {mount.partition(":")[0] for each in services().values() for mount in each.get("volumes", [])} >= set(
        volumes
    )


def test_nothing_starts_before_what_it_needs_is_healthy() -> None:
    found = services()
    for name, service in found.items():
        for needed, how in service.get("depends_on", {}).items():
            wants = how["condition"]
            assert wants == ("service_completed_successfully" if needed == "init" else "service_healthy"), name
            if wants == "service_healthy":
                assert found[needed]["healthcheck"]["test"], needed
    for name in ("gateway", "worker", "dashboard"):
        assert "init" in found[name]["depends_on"]
    assert set(found["init"]["depends_on"]) == {"kafka", "clickhouse"}
    assert found["init"]["healthcheck"] == {"disable": True}
    assert found["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", EVERY)
def test_everybody_who_stays_is_watched_and_has_time_to_stop(name: str) -> None:
    service = services()[name]
    if service["image"] == IMAGE:
        assert service["stop_grace_period"] == "30s"
        return
    check = service["healthcheck"]
    assert check["test"][0] == "CMD-SHELL"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


def test_no_secret_has_a_default_and_every_one_is_made() -> None:
    wanted = set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT))
    assert len(re.findall(r"\$\{", TEXT)) == len(re.findall(r"\$\{[A-Z0-9_]+:\?is not set; compose/secrets\.sh", TEXT))
    lines = (COMPOSE / ".env.example").read_text("utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(example) == wanted == set(secrets())
    assert not any(example.values()), "an example that works is a password that everybody knows"
    literal = yaml.safe_load(TEXT)
    for name, service in literal["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEYS|CLUSTER_ID", variable):
                assert str(value).startswith("${"), f"{name}: {variable}"


def test_files_with_secrets_are_not_committed() -> None:
    ignored = (COMPOSE / ".gitignore").read_text("utf-8").split()
    assert {"/.env", "/secrets/"} <= set(ignored)
    for secret in stack()["secrets"].values():
        assert secret["file"].startswith("./secrets/")
