"""The real exports of tests/fixtures/otlp-corpus as message bodies."""

import base64
import json
from functools import cache
from pathlib import Path

CORPUS = Path(__file__).parent.parent / "fixtures" / "otlp-corpus"


@cache
def corpus_bodies(signal: str) -> list[tuple[str, bytes]]:
    """Return (file and scenario, body) for every export of ``traces`` or ``logs``."""
    return [
        (f"{path.stem}/{scenario['scenario']}", base64.b64decode(body))
        for path in sorted(CORPUS.glob("*.jsonl"))
        for scenario in map(json.loads, path.read_text().splitlines())
        for body in scenario[signal]
    ]
