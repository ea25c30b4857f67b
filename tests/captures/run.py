"""Capture the exports of one emitter: each scenario in a process of its own, against the imitated providers.

    python tests/captures/run.py EMITTER --python PATH [--only SCENARIO ...] [--variant NAME VARIABLE=VALUE ...]

PATH is the interpreter of an environment with requirements/EMITTER.txt (node, with NODE_PATH, for a script of its).
Writes tests/fixtures/captures/EMITTER.jsonl (EMITTER-NAME.jsonl for a variant, which runs with the variables set);
with --only the other scenarios in it are kept.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from anonymous import Anonymous
from imitation import Imitation

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures" / "captures"
TIMEOUT_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("emitter")
    parser.add_argument("--python", required=True, metavar="PATH")
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--variant", nargs="+", default=[])
    options = parser.parse_args()
    name, variables = "-".join([options.emitter, *options.variant[:1]]), options.variant[1:]
    (script,) = (HERE / "emitters").glob(f"emit_{options.emitter.replace('-', '_')}.*")
    scenarios = options.only or _run(options.python, script, [], {}).split()
    target = FIXTURES / f"{name}.jsonl"
    kept = {line["scenario"]: line for line in _lines(target)} if options.only else {}
    anonymous = Anonymous(_folders(options.python))
    seen = Imitation()
    with seen as address:
        for scenario in scenarios:
            seen.begin(f"{name}-{scenario}".replace("_", "-"))
            said = json.loads(_run(options.python, script, [scenario], _environment(address, variables)))
            kept[scenario] = _line(name, scenario, seen, said, anonymous)
            target.write_text("".join(json.dumps(line) + "\n" for line in kept.values()))
            print(f"{scenario}: {len(seen.calls)} calls, {len(seen.exports['traces'])} exports")  # noqa: T201


def _folders(python: str) -> dict[Path, str]:
    """Return the folders that may show in stack traces, and what to call them."""
    modules = Path(os.environ.get("NODE_PATH") or "/nonexistent")
    folders = {HERE: "captures", Path(sys.base_prefix): "python", modules: "modules"}
    environment = Path(python).absolute().parent.parent
    return folders if environment == Path("/usr") else {**folders, environment: "environment"}


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _environment(address: str, variables: list[str]) -> dict[str, str]:
    """Return what a scenario's process sees: nothing of this machine but its PATH."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "NODE_PATH": os.environ.get("NODE_PATH", ""),
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_BASE": f"{address}/v1",
        "OPENAI_API_KEY": "unused",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_BASE": address,
        "ANTHROPIC_API_KEY": "unused",
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",  # prices are not fetched
        "OTEL_SERVICE_NAME": "capture",
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel",
        **dict(variable.split("=", 1) for variable in variables),
    }


def _run(python: str, script: Path, arguments: list[str], environment: dict[str, str]) -> str:
    """Run the emitter's script; returns what it printed on its last line."""
    # In an empty folder: an emitter may look for the repository it stands in, and cut its path off file names.
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(Path(python).absolute()), str(script), *arguments],
            env=environment or None,
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            cwd=folder,
            check=True,
        )
    return done.stdout.splitlines()[-1]


def _line(emitter: str, name: str, seen: Imitation, said: dict, anonymous: Anonymous) -> dict:
    calls = seen.calls
    for call, seconds in zip(
        (call for call in calls if call["streaming"]), said.pop("first_chunks_s", []), strict=False
    ):
        call["client_ttfc_s"] = seconds
    embeddings = [call for call in calls if call["api"] == "embeddings"]
    expected = {
        "sdk": emitter,
        "scenario": name,
        "user_id": None,
        "session_id": None,
        "prompt_name": None,
        "prompt_version": None,
        **said,
        "n_llm_spans_expected": len(calls) - len(embeddings),
        "n_embedding_spans_expected": len(embeddings),
        "is_error": any(call["is_error"] for call in calls),
        "calls": calls,
    }
    exports = {
        signal: [base64.b64encode(anonymous(signal, body)).decode() for body in bodies]
        for signal, bodies in seen.exports.items()
    }
    return {"sdk": emitter, "scenario": name, **exports, "expected": expected}


if __name__ == "__main__":
    main()
