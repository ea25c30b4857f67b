"""The same exports as protobuf, JSON and gRPC into a running process: the same rows in every table."""

import hashlib
from pathlib import Path
from typing import Any

import grpc
import httpx

from oracle import corpus_bodies
from oracle.otlp_json import otlp_json
from otlp.requests import PROTOBUF
from running import Running

FORMATS = ("protobuf", "json", "grpc")
SIGNALS = ("traces", "logs")
KEYS = {name: f"key-of-{name}" * 3 for name in FORMATS}
METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
PLACES = {"log_source", "log_offset", "ordinal", "received_at", "tenant", "received_day", "applied", "versions"}
TABLES = {
    *("span_rows", "span_texts", "scores", "dead_letters", "span_updates"),
    *("rollup_minute", "rollup_quarter", "rollup_experiment", "rollup_user", "rollup_service"),
    *("rollup_score", "rollup_score_experiment"),
}


def send(running: Running, form: str) -> None:
    """Send the corpus in one format, each request after the one before it."""
    key = KEYS[form]
    with httpx.Client(timeout=60) as http, grpc.insecure_channel(str(running.addresses["otlp_grpc"])) as channel:
        for signal in SIGNALS:
            for _, body in corpus_bodies(signal):
                if form == "grpc":
                    channel.unary_unary(METHODS[signal])(body, metadata=(("x-api-key", key),), timeout=60)
                    continue
                kind = PROTOBUF if form == "protobuf" else "application/json"
                headers = {"content-type": kind, "x-api-key": key}
                content = body if form == "protobuf" else otlp_json(body, signal)
                http.post(f"{running.otlp}/v1/{signal}", content=content, headers=headers).raise_for_status()


def content_of(running: Running, table: str, tenant: str) -> list[dict[str, Any]]:
    """Return what a table holds for a tenant, but for where in the log it came from; rollups as merges leave them."""
    columns = running.sql(f"DESCRIBE {table}")
    names = {row["name"]: row["type"] for row in columns if row["name"] not in PLACES}
    sums = {name for name, kind in names.items() if kind.startswith("SimpleAggregateFunction")}
    keys = ", ".join(f"r.{name} AS {name}" for name in names if name not in sums and not name.startswith("target_"))
    shown = "".join(f", {'sumMap' if 'sumMap' in names[name] else 'sum'}(r.{name}) AS {name}" for name in sorted(sums))
    grouped = "GROUP BY ALL" if sums else ""
    return running.sql(
        f"SELECT toString(tuple(*)) AS row FROM (SELECT {keys}{shown} FROM {table} AS r"
        f" WHERE tenant = '{tenant}' {grouped} ORDER BY ALL)"
    )


def test_the_corpus_gives_the_same_rows_in_every_format(tmp_path: Path) -> None:
    hashes = ",".join(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in KEYS.items())
    with Running(tmp_path, {"SPANPULSE_API_KEYS": hashes}) as running:
        for form in FORMATS:
            send(running, form)
        assert running.drain()["completeness"]["unaccounted"] == 0
        filled = set()
        for table in sorted(TABLES):
            plain, as_json, as_grpc = (content_of(running, table, form) for form in FORMATS)
            assert as_json == plain, table
            assert as_grpc == plain, table
            filled |= {table} if plain else set()
        assert filled >= {"span_rows", "span_texts", "rollup_minute", "rollup_service"}, filled
