"""Data folders of released versions: how one is made, kept small, and what it must hold when it is opened.

Run at a release, with the released version installed: `python tests/releasing.py` writes
`tests/fixtures/folders/VERSION.tar.zst` and, beside it, what a process of that version finds in it. A folder holds
spans, corrections, late texts, scores, duplicates and dead letters; behind them, in the log, a claimed batch and
messages that nobody has processed yet.
"""

import io
import json
import shutil
import sys
import tarfile
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otlp.requests import attributes, resource_spans, span, traces
from receiving import BOUNDS, message
from running import Running
from spanpulse_stream.log import TOPIC, Claim, LocalLog

FIXTURES = Path(__file__).parent / "fixtures"
FOLDERS = FIXTURES / "folders"
EMITTERS = ("openai-v2-default", "traceloop-anthropic", "openinference-openai")
SCENARIOS = 6  # of each emitter
PENDING = 4  # exports that wait in the log; the first two of them are claimed
# What is kept must outlive the fixture's age.
KEPT = {f"SPANPULSE_RETENTION_{kind}_DAYS": "3650" for kind in ("SPANS", "ROLLUPS", "DEAD_LETTERS")}
ENVIRONMENT = {**KEPT, "SPANPULSE_BALLAST_BYTES": "0"}
SHOP = {"service.name": "shop", "service.instance.id": "one"}
PROTOBUF = {"content-type": "application/x-protobuf"}
BROKEN = b"\x0a\x10\x12\x0e\x12\x0c\x0a\x04abcd\x12\x04efgh"  # a span with a trace id of four bytes
TABLES = {
    "spans": "count(), uniqExact(trace_id), sum(input_tokens), sum(output_tokens), sum(duration_ns), countIf(counted)",
    "span_rows": "count(), sum(cost), uniqExact(name)",
    "span_updates": "count(), countIf(isNotNull(counted))",
    "span_texts": "count(), sum(length(messages))",
    "scores": "count(), sum(value)",
    "seen": "count(), uniqExact(key_low)",
    "dead_letters": "count(), sum(length(bytes))",
    "rollup_minute": "sum(requests), sum(cost), sum(input_tokens), sumMap(latency)",
    "rollup_experiment": "sum(requests), sum(cost)",
    "rollup_user": "sum(requests), sum(cost), uniqExact(user_id)",
    "rollup_service": "sum(spans), sum(errors), sumMap(latency)",
    "rollup_score": "sum(scores), sum(value_sum)",
    "batches": "sum(accepted), sum(stored), sum(duplicate), sum(dead_lettered)",
}
"""Expressions over each table that later versions must find equal; their rows may be summed differently."""


def truth(running: Running) -> dict[str, str]:
    """Return what a running process finds, by table."""
    return {
        table: running.one(f"toString(tuple({expressions})) AS found FROM {table}")
        for table, expressions in TABLES.items()
    }


def unpack(name: str, folder: Path) -> dict[str, Any]:
    """Unpack the data folder of a version as ``folder``/data; returns what stands beside it."""
    data = zstandard.ZstdDecompressor().decompress((FOLDERS / f"{name}.tar.zst").read_bytes(), 1 << 28)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # which 3.11 has from its fourth release on
        archive.extractall(folder)
    found: dict[str, Any] = json.loads((FOLDERS / f"{name}.json").read_text("utf-8"))
    return found


def exports() -> Iterator[tuple[str, bytes]]:
    """Yield (signal, body) of what real emitters sent."""
    for emitter in EMITTERS:
        lines = (FIXTURES / "otlp-corpus" / f"{emitter}.jsonl").read_text("utf-8").splitlines()
        for line in lines[:SCENARIOS]:
            scenario = json.loads(line)
            for signal in ("traces", "logs"):
                yield from ((signal, b64decode(body)) for body in scenario[signal])


def make(folder: Path) -> dict[str, Any]:
    """Fill ``folder``/data with the version that is installed; returns what it holds once all is processed."""
    bodies = list(exports())
    running = Running(folder, ENVIRONMENT)
    with running:
        _send(running, [*bodies[:-PENDING], ("traces", _call())])
        _send(running, [*bodies[:1], ("traces", BROKEN), ("traces", _above()), ("logs", _verdict())])
        versions = running.one("any(versions) FROM batches")
    _leave_pending(running.data / "log", bodies[-PENDING:], versions)
    shutil.copytree(running.data, folder / "processed" / "data", symlinks=True)
    with Running(folder / "processed", ENVIRONMENT) as processed:
        processed.drain()
        return {"version": version("spanpulse"), "pending": PENDING, "truth": truth(processed)}


def _send(running: Running, bodies: list[tuple[str, bytes]]) -> None:
    for signal, body in bodies:
        httpx.post(f"{running.otlp}/v1/{signal}", content=body, headers=PROTOBUF, timeout=30).raise_for_status()
    running.drain()


def _call() -> bytes:
    """Return a model call in an experiment, whose user only the span above it knows."""
    call = span(7)
    call.parent_span_id = (8).to_bytes(8, "big")
    told = {"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 5, "spanpulse.experiment.tone": "warm"}
    call.attributes.extend(attributes(told))
    return traces(resource_spans(SHOP, [call]))


def _above() -> bytes:
    above = span(7)
    above.ClearField("attributes")
    above.span_id = (8).to_bytes(8, "big")
    above.attributes.extend(attributes({"user.id": "ada", "session.id": "s1"}))
    return traces(resource_spans(SHOP, [above]))


def _verdict() -> bytes:
    told = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.label": "yes"}
    record = LogRecord(
        time_unix_nano=1_700_000_002_000_000_000,
        event_name="gen_ai.evaluation.result",
        trace_id=(7).to_bytes(16, "big"),
        span_id=(7).to_bytes(8, "big"),
        attributes=[
            *attributes(told),
            KeyValue(key="gen_ai.evaluation.score.value", value=AnyValue(double_value=0.75)),
        ],
    )
    group = ResourceLogs(resource=Resource(attributes=attributes(SHOP)), scope_logs=[ScopeLogs(log_records=[record])])
    return ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()


def _leave_pending(log_folder: Path, bodies: list[tuple[str, bytes]], versions: str) -> None:
    """Append what nobody processes, and claim the first two as a process that died then would have."""
    log = LocalLog.open(log_folder, partitions=1, **BOUNDS)
    try:
        first = log.committed(TOPIC, 0)
        log.append_soon([message(signal, body) for signal, body in bodies]).result(30)
        log.claim_soon(TOPIC, 0, Claim(first, first + 2, versions)).result(30)
    finally:
        log.close()


def _pack(data: Path, path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(data, "data")
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(packed.getvalue()))


def main() -> None:
    """Write the folder of the version that is installed."""
    name = version("spanpulse")
    FOLDERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        found = make(Path(place))
        _pack(Path(place) / "data", FOLDERS / f"{name}.tar.zst")
    (FOLDERS / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
