"""The Dockerfile: hadolint's rules and our own, and that it says what the settings and the package say."""

import fnmatch
import json
import re
import shlex
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from compose.files import COMPOSE, IMAGE, ROOT, image_environment, instructions
from requirements import need_program
from spanpulse_stream.settings import load_settings

DOCKERFILE = COMPOSE / "Dockerfile"
LAST = max(each.stage for each in instructions())


def texts(name: str, stage: int | None = None) -> list[str]:
    """Return what stands behind an instruction, in all stages or one."""
    return [each.text for each in instructions() if each.name == name and stage in {None, each.stage}]


def test_hadolint_finds_nothing() -> None:
    command = [need_program("hadolint"), "--failure-threshold", "style", str(DOCKERFILE)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, said.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text("utf-8").replace("3.11.15-slim-bookworm", "latest"))
    command = [need_program("hadolint"), "--failure-threshold", "style", str(wrong)]
    assert "DL3007" in subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


def test_every_base_is_one_version_and_stages_share_it() -> None:
    names: set[str] = set()
    for text in texts("FROM"):
        base, _, name = text.partition(" AS ")
        assert base in names or re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base), base
        names.add(name)
    assert len(names) == 3


def test_the_last_stage_runs_as_nobody_and_has_no_tools() -> None:
    user, group = map(int, texts("USER", LAST)[-1].split(":"))
    assert user >= 10_000
    assert group >= 10_000
    ran = " ".join(texts("RUN", LAST))
    assert not re.search(r"apt-get|pip install|curl|wget|gcc|pip wheel", ran)
    assert "pip uninstall" in ran
    assert not texts("ADD")
    assert not texts("VOLUME"), "compose and Kubernetes say what is mounted"


def test_it_stops_and_is_watched_as_the_processes_want_it() -> None:
    assert texts("STOPSIGNAL") == ["SIGTERM"]
    (check,) = texts("HEALTHCHECK", LAST)
    command = json.loads(check[check.index("CMD ") + 4 :])
    assert command == ["python", "-I", "-S", "/opt/spanpulse/ready.py"]
    assert json.loads(texts("ENTRYPOINT", LAST)[0]) == ["start"]
    assert json.loads(texts("CMD", LAST)[0]) == ["--help"]


def test_ports_and_variables_are_those_of_the_settings(tmp_path: Path) -> None:
    environ = image_environment()
    settings = load_settings(environ=environ, file=empty(tmp_path)).settings
    assert (settings.host, settings.web_host, str(settings.data)) == ("0.0.0.0", "0.0.0.0", "/data")
    exposed = {int(port) for port in texts("EXPOSE", LAST)[0].split()}
    assert exposed == {settings.otlp_grpc, settings.otlp_http, settings.web}
    assert environ["NUMBA_CPU_NAME"] == "generic"
    assert environ["PATH"].startswith("/opt/spanpulse/bin:")


def empty(folder: Path) -> Path:
    """Return a configuration file that says nothing, so that none of the working folder is read."""
    file = folder / "spanpulse.toml"
    file.touch()
    return file


def test_what_is_copied_is_there_and_gets_to_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    for text in (text for text in texts("COPY") if "--from" not in text):
        for source in [word for word in shlex.split(text) if not word.startswith("--")][:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == each or source.startswith(f"{each}/") for each in let_in), source
    assert all((ROOT / each).exists() for each in let_in)


def test_nothing_secret_gets_to_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    let_in = [line[1:] for line in lines if line.startswith("!")]
    for secret in ("compose/.env", "compose/secrets/otlp_key", ".git/config", ".venv/bin/python", "spanpulse.toml"):
        assert not any(fnmatch.fnmatch(secret, f"{each}*") for each in let_in), secret


def test_the_label_is_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f'org.opencontainers.image.version="{version}"' in " ".join(texts("LABEL", LAST))
    assert f"-t {IMAGE} ." in DOCKERFILE.read_text("utf-8")


def test_what_the_image_leaves_out_is_needed_by_nothing_that_stays() -> None:
    (line,) = (text for text in texts("RUN", 1) if "uninstall" in text)
    left_out = {word for word in line.split()[line.split().index("uninstall") + 1 :] if not word.startswith("--")}
    assert left_out == {"chdb", "chdb-core", "pandas"}
    needed = {
        canonicalize_name(requirement.name): dist.name
        for dist in distributions()
        if canonicalize_name(dist.name) not in {"spanpulse", *left_out}
        for requirement in map(Requirement, dist.requires or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    assert not left_out & set(needed), {name: needed[name] for name in left_out & set(needed)}
