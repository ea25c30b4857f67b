"""Capture the exports of one emitter: each scenario in a process of its own, against the imitated providers.

    python tests/captures/run.py EMITTER --python PATH [--only SCENARIO ...]

PATH is the interpreter of an environment with requirements/EMITTER.txt (for Vercel: a folder with node_modules).
Writes tests/fixtures/captures/EMITTER.jsonl, replacing the scenarios that were run.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from anonymous import Anonymous
from imitation import Imitation

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures" / "captures"
TIMEOUT_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("emitter")
    parser.add_argument("--python", required=True)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    script = HERE / "emitters" / f"emit_{options.emitter.replace('-', '_')}.py"
    names = options.only or _run(options.python, script, [], {}).split()
    target = FIXTURES / f"{options.emitter}.jsonl"
    kept = {line["scenario"]: line for line in _lines(target)} if options.only else {}
    environment = Path(options.python).absolute()
    anonymous = Anonymous({HERE: "captures", environment.parent.parent: "environment", Path(sys.base_prefix): "python"})
    seen = Imitation(_family(options.emitter))
    with seen as address:
        for name in names:
            seen.clear()
            said = json.loads(_run(options.python, script, [name], _environment(address)))
            kept[name] = _line(options.emitter, name, seen, said, anonymous)
            print(f"{name}: {len(seen.calls)} calls, {len(seen.exports['traces'])} exports")  # noqa: T201
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(json.dumps(line) + "\n" for line in kept.values()))


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _family(emitter: str) -> str:
    """Return three letters of the emitter, and a number so that no two emitters share them."""
    return f"{emitter[:3]}{sum(emitter.encode()) % 1000:03d}"


def _environment(address: str) -> dict[str, str]:
    """Return what a scenario's process sees: nothing of this machine but its PATH."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_BASE": f"{address}/v1",
        "OPENAI_API_KEY": "unused",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_BASE": address,
        "ANTHROPIC_API_KEY": "unused",
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        "OTEL_SERVICE_NAME": "capture",
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel",
    }


def _run(python: str, script: Path, arguments: list[str], environment: dict[str, str]) -> str:
    """Run the emitter's script; returns what it printed on its last line."""
    done = subprocess.run(
        [python, str(script), *arguments],
        env=environment or None,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
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
