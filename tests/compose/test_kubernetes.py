"""The Kubernetes manifests: their schemas, what kustomize makes of them, and the rules of a pod that may do little.

Schemas are those of the Kubernetes API, strict (an unknown field is an error), of the oldest and newest version that
is promised. KEDA's objects have none here: what they name is checked.
"""

import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml

from compose.files import IMAGE, services
from compose.manifests import BASE, KUBERNETES, configured, documents, manifests, pods
from requirements import need_program

VERSIONS = ("1.29", "1.37")
PODS = sorted(pods())
SERVING = [name for name in PODS if name != "spanpulse-init"]


def named(kind: str) -> dict[str, Any]:
    """Return the objects of a kind by name."""
    return {each["metadata"]["name"]: each for each in manifests() if each["kind"] == kind}


def container(name: str) -> Any:
    """Return the only container of a pod template."""
    (found,) = pods()[name]["spec"]["containers"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_one_of_the_api(version: str) -> None:
    assert len(manifests()) > 15
    for each in [*manifests(), *documents(KUBERNETES / "secret.example.yaml")]:
        kubernetes_validate.validate(each, version, strict=True)


def test_a_wrong_field_would_be_found() -> None:
    wrong = {**named("Service")["spanpulse-gateway"], "spec": {"portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("folder", ["base", "overlays/keda"])
def test_kustomize_makes_objects_of_the_api(folder: str) -> None:
    command = [need_program("kubectl"), "kustomize", str(KUBERNETES / folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert made.returncode == 0, made.stderr
    objects = list(yaml.safe_load_all(made.stdout))
    maps = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
    for each in objects:
        if not each["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(each, VERSIONS[0], strict=True)
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "spanpulse"
        template = each.get("spec", {}).get("template")
        if template:
            (only,) = template["spec"]["containers"]
            assert only["envFrom"][0]["configMapRef"]["name"] in maps, "a change of settings starts pods anew"
            assert only["image"].endswith(f"/{IMAGE}")
    replicas = {each["kind"]: each["spec"].get("replicas") for each in objects if each["kind"] == "StatefulSet"}
    assert replicas == {"StatefulSet": None if folder == "overlays/keda" else 3}


def test_every_file_is_used() -> None:
    (kustomization,) = documents(BASE / "kustomization.yaml")
    used = {*kustomization["resources"], *kustomization["configMapGenerator"][0]["envs"], "kustomization.yaml"}
    assert used == {path.name for path in BASE.iterdir()}
    for overlay in (KUBERNETES / "overlays").iterdir():
        (kustomization,) = documents(overlay / "kustomization.yaml")
        assert all((overlay / each).exists() for each in kustomization["resources"])


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_little(name: str) -> None:
    spec = pods()[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False, "variables of services would be taken for settings"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    only = container(name)
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["image"] == "spanpulse"
    assert only["args"] == [name.removeprefix("spanpulse-")]
    assert {"cpu", "memory"} <= set(only["resources"]["requests"])
    assert "memory" in only["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_what_is_written_is_mounted_with_a_bound(name: str) -> None:
    volumes = {each["name"]: each for each in pods()[name]["spec"]["volumes"]}
    mounts = {each["mountPath"]: each for each in container(name)["volumeMounts"]}
    composed = {entry.partition(":")[0] for entry in services()["worker"]["tmpfs"]}
    assert composed == {path for path, each in mounts.items() if not each.get("readOnly")}
    for path in composed:
        assert volumes[mounts[path]["name"]]["emptyDir"]["sizeLimit"]
    for variable in ("SPANPULSE_KAFKA_SSL_CA", "SPANPULSE_CLICKHOUSE_CA"):
        assert any(configured()[variable].startswith(f"{path}/") for path in mounts)


@pytest.mark.parametrize("name", SERVING)
def test_a_pod_is_watched_and_has_time_to_stop(name: str) -> None:
    only, spec = container(name), pods()[name]["spec"]
    ports = {each["name"]: each["containerPort"] for each in only["ports"]}
    assert ports["web"] == 8642
    asked = {probe: only[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked["startupProbe"] == asked["livenessProbe"] == {"path": "/healthz", "port": "web"}
    assert asked["readinessProbe"] == {"path": "/readyz", "port": "web"}
    waits = int(only.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [0, 0])[1])
    assert 15 <= spec["terminationGracePeriodSeconds"] - waits <= 30
    spread = {each["topologyKey"] for each in spec["topologySpreadConstraints"]}
    assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


@pytest.mark.parametrize("name", SERVING)
def test_what_selects_a_pod_finds_it(name: str) -> None:
    label = {"app.kubernetes.io/name": name}
    assert pods()[name]["metadata"]["labels"] == label
    for kind in ("Service", "PodDisruptionBudget"):
        spec = named(kind)[name]["spec"]
        assert spec["selector"] in (label, {"matchLabels": label})
    ports = {each["name"] for each in container(name)["ports"]}
    assert {each["targetPort"] for each in named("Service")[name]["spec"]["ports"]} <= ports
    (workload,) = (
        each for each in manifests() if "template" in each.get("spec", {}) and each["metadata"]["name"] == name
    )
    assert workload["spec"]["selector"]["matchLabels"] == label


def test_the_autoscaler_and_the_gateway_do_not_fight() -> None:
    scaler = named("HorizontalPodAutoscaler")["spanpulse-gateway"]["spec"]
    gateway = named("Deployment")["spanpulse-gateway"]
    assert scaler["scaleTargetRef"]["name"] == gateway["metadata"]["name"]
    assert "replicas" not in gateway["spec"]
    assert container("spanpulse-gateway")["resources"]["requests"]["cpu"], "what the share is of"
    assert scaler["minReplicas"] >= 2


def test_secrets_are_given_only_to_those_who_need_them() -> None:
    asked = {
        name: {
            each["valueFrom"]["secretKeyRef"]["key"]
            for each in container(name).get("env", [])
            if each.get("valueFrom", {}).get("secretKeyRef", {}).get("name") == "spanpulse-secrets"
        }
        for name in PODS
    }
    kafka, clickhouse = "SPANPULSE_KAFKA_SASL_PASSWORD", "SPANPULSE_CLICKHOUSE_PASSWORD"
    assert asked == {
        "spanpulse-init": {kafka, clickhouse},
        "spanpulse-gateway": {kafka, "SPANPULSE_API_KEYS", "CLICKHOUSE_GATEWAY_PASSWORD"},
        "spanpulse-worker": {kafka, clickhouse},
        "spanpulse-dashboard": {kafka, "CLICKHOUSE_DASHBOARD_PASSWORD", "SPANPULSE_WEB_TOKEN"},
    }
    assert not any("PASSWORD" in name or "TOKEN" in name or "KEYS" in name for name in configured())


def test_traffic_is_denied_but_for_what_is_named() -> None:
    policies = named("NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    to_kafka = policies["to-kafka"]["spec"]["podSelector"]["matchExpressions"][0]["values"]
    to_clickhouse = policies["to-clickhouse"]["spec"]["podSelector"]["matchExpressions"][0]["values"]
    assert set(to_kafka) == set(PODS)
    assert set(to_clickhouse) == set(PODS)
    (broker,) = configured()["SPANPULSE_KAFKA_BROKERS"].split(",")
    (rule,) = policies["to-kafka"]["spec"]["egress"]
    assert (str(rule["ports"][0]["port"]), namespace(rule)) == (broker.rpartition(":")[2], broker.split(".")[1])
    host, _, port = configured()["SPANPULSE_CLICKHOUSE_URL"].partition("://")[2].partition(":")
    (rule,) = policies["to-clickhouse"]["spec"]["egress"]
    assert (str(rule["ports"][0]["port"]), namespace(rule)) == (port, host.split(".")[1])
    open_to_all = [
        name for name, each in policies.items() for rule in each["spec"].get("ingress", []) if "from" not in rule
    ]
    assert open_to_all == ["gateway-ingress"]


def namespace(rule: Any) -> str:
    """Return the namespace that a rule names."""
    (peer,) = rule["to"]
    name: str = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    return name
