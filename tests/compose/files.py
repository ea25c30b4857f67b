"""The files of `compose/` as data: services with their variables filled in, the image's instructions, secrets.

Not guaranteed: all that Docker Compose does with a file; of its variables only what the file uses, `${NAME:?message}`.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

__all__ = [
    "COMPOSE",
    "IMAGE",
    "ROOT",
    "Instruction",
    "image_environment",
    "instructions",
    "secrets",
    "services",
    "stack",
]

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
IMAGE = "spanpulse:0.1.0"
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+):\?[^}]*\}")


class Instruction(NamedTuple):
    """One instruction of the Dockerfile, continued lines joined; ``stage`` counts from 0, -1 before the first FROM."""

    stage: int
    name: str
    text: str


@cache
def instructions() -> tuple[Instruction, ...]:
    """Return the instructions of the Dockerfile."""
    lines = [line for line in (COMPOSE / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    found, stage = [], -1
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, text = line.partition(" ")
        if name:
            stage += name == "FROM"
            found.append(Instruction(stage, name, text.strip()))
    return tuple(found)


def image_environment() -> dict[str, str]:
    """Return the variables of the image: those of its last stage, and of the one that it is made from."""
    last = max(each.stage for each in instructions())
    (base,) = (each for each in instructions() if each.name == "FROM" and each.stage == last)
    names = [each.text.partition(" AS ")[2] for each in instructions() if each.name == "FROM"]
    stages = {last, names.index(base.text.partition(" ")[0])}
    texts = [each.text for each in instructions() if each.name == "ENV" and each.stage in stages]
    return dict(pair.split("=", 1) for text in texts for pair in text.split())


@cache
def secrets() -> dict[str, str]:
    """Return the content of .env as `secrets.sh` makes it, in a folder of its own."""
    return dict(_made_secrets())


def _made_secrets() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        script = shutil.copy(COMPOSE / "secrets.sh", folder)
        subprocess.run(["sh", script], check=True, capture_output=True, timeout=60)
        for line in (Path(folder) / ".env").read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            yield name, value


@cache
def stack() -> Any:
    """Return docker-compose.yml with its variables filled in."""
    text = (COMPOSE / "docker-compose.yml").read_text("utf-8")
    return yaml.safe_load(VARIABLE.sub(lambda found: json.dumps(secrets()[found[1]])[1:-1], text))


def services(*, own: bool = False) -> dict[str, Any]:
    """Return the services by name; with ``own`` those of this project's image."""
    found: dict[str, Any] = stack()["services"]
    return {name: service for name, service in found.items() if service["image"] == IMAGE or not own}
