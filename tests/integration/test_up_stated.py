"""What comes with a span beside its numbers, in the tables: scores in its events, and what a call costs."""

import time
from pathlib import Path

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from making_spans import SECOND, pairs, request, span
from otlp.requests import PROTOBUF
from running import Running

CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "of-our-own", "gen_ai.usage.input_tokens": 9}
RESULT = "gen_ai.evaluation.result"
SAID = {"gen_ai.evaluation.name": "quality", "gen_ai.evaluation.explanation": "because"}


def test_scores_in_span_events_and_stated_costs_are_stored(tmp_path: Path) -> None:
    now = time.time_ns()
    score = pairs(SAID | {"gen_ai.evaluation.score.value": 0.5})
    when = {"start_time_unix_nano": now - SECOND, "end_time_unix_nano": now}
    event = Span.Event(name=RESULT, time_unix_nano=now, attributes=score)
    spans = [
        span(CALL | {"gen_ai.usage.cost": 0.3}, **when, span_id=b"spanid_1", events=[event]),
        span(CALL, **when, span_id=b"spanid_2", events=[event, event]),
    ]
    record = LogRecord(time_unix_nano=now, event_name=RESULT, attributes=score)
    logs = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
    sent = [("traces", request(*spans)), ("traces", request(spans[0])), ("logs", logs.SerializeToString())]
    with Running(tmp_path) as running, httpx.Client(timeout=60) as client:
        for signal, body in sent:
            answer = client.post(f"{running.otlp}/v1/{signal}", content=body, headers={"content-type": PROTOBUF})
            answer.raise_for_status()
        assert running.drain()["completeness"]["unaccounted"] == 0
        scored = running.sql(
            "SELECT unhex(span_id) AS span, value, explanation FROM scores ORDER BY span_id NULLS LAST"
        )
        assert [row["span"] for row in scored] == ["spanid_1", "spanid_2", "spanid_2", None]
        assert {(row["value"], row["explanation"]) for row in scored} == {(0.5, "because")}
        assert running.one("toInt64(sum(scores)) FROM rollup_score WHERE name = 'quality'") == 4
        costs = running.sql("SELECT toString(cost) AS cost, cost_confidence AS by FROM spans ORDER BY span_id")
        assert [tuple(row.values()) for row in costs] == [("0.3", "provider"), (None, "unpriced")]
        assert running.one("toString(sum(cost_provider)) FROM rollup_minute") == "0.3"
        assert running.one("toInt64(sum(requests_unpriced)) FROM rollup_minute") == 1
