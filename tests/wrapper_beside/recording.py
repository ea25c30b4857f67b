"""Recording what frameworks send, live, with what the provider answered; and the recordings.

    PYTHONPATH=tests python -m wrapper_beside.recording [framework ...]

writes tests/fixtures/wrapper-beside/<framework>.jsonl, one line a variant: `service`, `exports` (base64 of OTLP
requests, without the places of files) and `calls`, the truth. A framework is installed into a folder of its own.
"""

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from providers.said import Asked, Failure, Said
from providers.server import Providers
from wrapper_receiving import HttpReceiver
from wrapper_venvs import packages, run

__all__ = ["FRAMEWORKS", "Recorded", "read", "record"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "fixtures" / "wrapper-beside"
ID = re.compile("answer-[0-9a-f]{32}")
PLACE = re.compile(r'File "[^"]*"')
OPENTELEMETRY = ("opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2")
FRAMEWORKS = {
    "pydantic_ai": ("pydantic-ai-slim[openai,anthropic]==2.68.0",),
    "langchain": (
        "langchain-openai==1.7.3",
        "langchain-core==1.7.2",
        "openinference-instrumentation-langchain==0.1.80",
    ),
    "llama_index": ("llama-index-llms-openai==0.8.3", "openinference-instrumentation-llama-index==4.6.1"),
    "openai_agents": ("openai-agents==0.24.0", "openinference-instrumentation-openai-agents==2.6.0"),
}
"""What is installed, by the framework."""
VARIANTS = ("never", "alone", "both", "both-after")
MODELS = {"message": "claude-sonnet-4-5-20250929", "embeddings": "text-embedding-3-small"}
WAYS = {
    "pydantic_ai": ("plain", "streamed", "tools", "responses", "message", "failing"),
    "langchain": (
        *("plain", "concurrent", "streamed", "streamed-concurrently", "tools", "responses", "embeddings", "failing"),
    ),
    "llama_index": ("plain", "concurrent", "streamed", "streamed-concurrently", "tools", "failing"),
    "openai_agents": ("plain", "streamed", "tools", "chat", "chat-streamed", "failing"),
}
ONCE = {("llama_index", "tools")}
"""Ways that ask for a tool, and do not go on with what it says."""
FAILED = Failure(400, "invalid_request", "Bad request")


@dataclass(frozen=True)
class Recorded:
    """What a framework sent in one variant, and what was really answered; `results` are the application's."""

    service: str
    exports: list[bytes]
    calls: list[dict[str, Any]]
    results: dict[str, str]


def record(framework: str) -> list[Recorded]:
    """Use a framework in all variants; in `never` nothing is sent."""
    folder = packages(*OPENTELEMETRY, *FRAMEWORKS[framework])
    with Providers() as providers:
        return [_recorded(providers, folder, framework, variant) for variant in VARIANTS]


def read(framework: str) -> Iterator[Recorded]:
    """Yield what was recorded of a framework."""
    for line in (FOLDER / f"{framework}.jsonl").read_text().splitlines():
        told = json.loads(line)
        yield Recorded(told["service"], [base64.b64decode(each) for each in told["exports"]], told["calls"], {})


def write(framework: str, recorded: list[Recorded]) -> None:
    """Keep what was sent."""
    lines = [
        {"service": each.service, "exports": [base64.b64encode(b).decode() for b in each.exports], "calls": each.calls}
        for each in recorded
        if each.exports
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{framework}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _recorded(providers: Providers, folder: Path, framework: str, variant: str) -> Recorded:
    service = f"{framework}-{variant}".replace("_", "-")
    turns = {way: _turns(framework, service, way) for way in WAYS[framework]}
    addresses = {way: providers.answers(f"{service}-{way}", *each) for way, each in turns.items()}
    with HttpReceiver() as receiver:
        asked = {"endpoint": receiver.endpoint, "service": service, "variant": variant, "calls": addresses}
        said = run(folder, "wrapper_beside/framework_child.py", framework, text=json.dumps(asked))
        exports = [_without_places(each.body) for each in receiver.taken("traces")]
    calls: list[dict[str, Any]] = []
    for way, each in turns.items():
        came = [request for request in providers.asked(f"{service}-{way}") if request.method == "POST"]
        assert len(came) == len(each), (service, way, len(came))
        calls += [{"way": way, **_told(turn, request)} for turn, request in zip(each, came, strict=True)]
    results = {way: ID.sub("ID", each) for way, each in json.loads(said.splitlines()[-1]).items()}
    return Recorded(service, exports, calls, results)


def _turns(framework: str, service: str, way: str) -> list[Said | Failure]:
    """Return what is answered in a way of using a framework, with counts and ids of its own."""
    if way == "failing":
        return [FAILED]
    number = 10 * WAYS[framework].index(way)
    model, write = MODELS.get(way, "gpt-4o-2024-08-06"), 50 if way == "message" else 0
    thought = 0 if way == "message" else 30 + number

    def said(place: int, **more: Any) -> Said:
        identity = f"answer-{hashlib.sha256(f'{service}/{way}/{place}'.encode()).hexdigest()[:32]}"
        counts = {"input": 1000 + number + place, "output": 200 + number, "cache_read": 100 + number}
        return Said(id=identity, model=model, **counts, cache_write=write, reasoning=thought, **more)

    if way != "tools":
        return [said(0)]
    asks = said(0, tool=("look", {"city": "Paris"}), finish="tool")
    return [asks] if (framework, way) in ONCE else [asks, said(1)]


def _told(turn: Said | Failure, asked: Asked) -> dict[str, Any]:
    """Return what a request came to, as the provider knows it."""
    kind = "embedding" if asked.path.endswith("/embeddings") else "llm"
    provider = "anthropic" if asked.path.endswith("/messages") else "openai"
    if isinstance(turn, Failure):
        return {"kind": kind, "provider": provider, "failed": True}
    names = ("id", "model", "input", "output", "cache_read", "cache_write", "reasoning")
    options = asked.json.get("stream_options") or {}
    asks = not asked.path.endswith("/completions") or not asked.json.get("stream") or options.get("include_usage")
    told = {name: getattr(turn, name) for name in names} | {"usage": bool(asks)}
    return {"kind": kind, "provider": provider, **told}


def _without_places(body: bytes) -> bytes:
    """Return a request whose stack traces do not name files of the machine that it was recorded on."""
    request = ExportTraceServiceRequest.FromString(body)
    scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
    for span in (span for scope in scopes for span in scope.spans):
        span.status.message = PLACE.sub('File ""', span.status.message)
        for each in (each for event in span.events for each in event.attributes):
            if each.value.HasField("string_value"):
                each.value.string_value = PLACE.sub('File ""', each.value.string_value)
    clean = request.SerializeToString()
    assert str(ROOT).encode() not in clean
    return clean


if __name__ == "__main__":
    for name in sys.argv[1:] or FRAMEWORKS:
        found = record(name)
        without = next(each.results for each in found if each.service.endswith("never"))
        for each in found:
            unlike = {way: (said, without[way]) for way, said in each.results.items() if said != without[way]}
            sys.stdout.write(
                f"{each.service}: {len(each.exports)} requests, {len(each.calls)} calls, unlike: {unlike}\n"
            )
        write(name, found)
