"""The Kubernetes manifests as data, and the variables that a container gets."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from compose.files import COMPOSE, image_environment

__all__ = ["BASE", "KUBERNETES", "configured", "container_environment", "documents", "manifests", "pods"]

KUBERNETES = COMPOSE / "kubernetes"
BASE = KUBERNETES / "base"


def documents(path: Path) -> list[Any]:
    """Return the documents of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each is not None]


@cache
def manifests() -> tuple[Any, ...]:
    """Return every object of the base, as it stands in its file."""
    (kustomization,) = documents(BASE / "kustomization.yaml")
    return tuple(each for name in kustomization["resources"] for each in documents(BASE / name))


def pods() -> dict[str, Any]:
    """Return the pod templates by the name of what makes them."""
    kinds = {"Deployment", "StatefulSet", "Job"}
    return {each["metadata"]["name"]: each["spec"]["template"] for each in manifests() if each["kind"] in kinds}


def configured() -> dict[str, str]:
    """Return the variables of the config map."""
    lines = (BASE / "settings.properties").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def container_environment(name: str, secrets: dict[str, str]) -> dict[str, str]:
    """Return what the container of a pod template is told; ``secrets`` stand for the keys of spanpulse-secrets."""
    (container,) = pods()[name]["spec"]["containers"]
    environ = image_environment()
    if container.get("envFrom") == [{"configMapRef": {"name": "spanpulse-settings"}}]:
        environ.update(configured())
    for variable in container.get("env", []):
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            environ[variable["name"]] = secrets[source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            environ[variable["name"]] = f"{name}-0"
        else:
            environ[variable["name"]] = variable["value"]
    return environ
