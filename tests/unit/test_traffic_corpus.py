"""The recorded exports moved to now: other times and ids, nothing else."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanpulse_stream.traffic import CORPUS, Signal, corpus_requests

NOW = datetime(2027, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
NOW_NS = 1_804_136_767_000_008_000
FIXTURES = Path(__file__).parents[1] / "fixtures" / "otlp-corpus"


def originals() -> Iterator[tuple[str, Signal, bytes]]:
    for name in CORPUS:
        for line in (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            scenario = json.loads(line)
            yield from ((name, "traces", base64.b64decode(body)) for body in scenario["traces"])
            yield from ((name, "logs", base64.b64decode(body)) for body in scenario["logs"])


def parse(signal: Signal, body: bytes) -> Any:
    return (ExportTraceServiceRequest if signal == "traces" else ExportLogsServiceRequest).FromString(body)


def items(signal: Signal, body: bytes) -> list[Any]:
    return items_of(signal, parse(signal, body))


def items_of(signal: Signal, parsed: Any) -> list[Any]:
    if signal == "traces":
        return [span for resource in parsed.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return [
        record for resource in parsed.resource_logs for scope in resource.scope_logs for record in scope.log_records
    ]


def neutral(signal: Signal, body: bytes) -> str:
    """Return everything but times, ids and the digits of ISO times."""
    parsed = parse(signal, body)
    for item in items_of(signal, parsed):
        item.trace_id = item.span_id = b""
        if signal == "traces":
            item.parent_span_id = b""
            item.start_time_unix_nano = item.end_time_unix_nano = 0
            for event in item.events:
                event.time_unix_nano = 0
            for link in item.links:
                link.trace_id = link.span_id = b""
        else:
            item.time_unix_nano = item.observed_time_unix_nano = 0
    text = re.sub(r"(gem-|chatcmpl-|msg_|resp_)h[0-9a-z]{7}", r"\1ID", str(parsed))
    return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*", "ISO", text)


def test_nothing_but_times_and_ids_changes() -> None:
    shifted = list(corpus_requests(NOW))
    recorded = list(originals())
    assert len(shifted) == len(recorded)
    for (signal, new), (_, old_signal, old) in zip(shifted, recorded, strict=True):
        assert signal == old_signal
        assert len(new) == len(old)
        assert neutral(signal, new) == neutral(signal, old)


def duration(span: Any) -> int:
    return int(span.end_time_unix_nano - span.start_time_unix_nano)


def test_durations_and_relations_stay() -> None:
    for (signal, new), (_, _, old) in zip(corpus_requests(NOW), originals(), strict=True):
        if signal != "traces":
            continue
        before, after = items(signal, old), items(signal, new)
        ids = {span.span_id: index for index, span in enumerate(before)}
        moved = {span.span_id: index for index, span in enumerate(after)}
        for was, is_ in zip(before, after, strict=True):
            assert (
                was.end_time_unix_nano - was.start_time_unix_nano == is_.end_time_unix_nano - is_.start_time_unix_nano
            )
            assert ids.get(was.parent_span_id) == moved.get(is_.parent_span_id)
            assert (was.trace_id == before[0].trace_id) == (is_.trace_id == after[0].trace_id)
            assert [e.time_unix_nano - is_.start_time_unix_nano for e in is_.events] == [
                e.time_unix_nano - was.start_time_unix_nano for e in was.events
            ]


def test_each_file_ends_now() -> None:
    latest: dict[str, int] = {}
    for (signal, body), (name, _, _) in zip(corpus_requests(NOW), originals(), strict=True):
        for item in items(signal, body):
            ends = item.end_time_unix_nano if signal == "traces" else item.time_unix_nano
            latest[name] = max(latest.get(name, 0), ends)
    assert set(latest) == set(CORPUS)
    assert all(NOW_NS - 5 * 10**9 < each <= NOW_NS for each in latest.values())


def test_iso_times_move_with_their_span() -> None:
    """Langfuse keeps the time of the first token as text: without the shift it would be months before its span."""

    def waits(signal: Signal, body: bytes) -> list[int]:
        found = []
        for span in items(signal, body) if signal == "traces" else []:
            for each in span.attributes:
                if each.key == "langfuse.observation.completion_start_time":
                    moment = datetime.fromisoformat(json.loads(each.value.string_value))
                    found.append(round(moment.timestamp() * 10**6) - span.start_time_unix_nano // 1000)
        return found

    pairs = [
        (was, is_)
        for (signal, new), (_, _, old) in zip(corpus_requests(NOW), originals(), strict=True)
        for was, is_ in zip(waits(signal, old), waits(signal, new), strict=True)
    ]
    assert len(pairs) == 6
    assert all(abs(was - is_) <= 1 for was, is_ in pairs)


def test_a_second_run_is_no_repetition_and_the_same_moment_is() -> None:
    first, again, later = (list(corpus_requests(now)) for now in (NOW, NOW, NOW + timedelta(microseconds=1)))
    assert first == again

    def ids(requests: list[tuple[Signal, bytes]]) -> set[bytes]:
        spans = (item for signal, body in requests for item in items(signal, body))
        return {span.trace_id for span in spans if span.trace_id}

    def answers(requests: list[tuple[Signal, bytes]]) -> set[bytes]:
        return {found for _, body in requests for found in re.findall(rb"(?:gem-|chatcmpl-|msg_|resp_)h\w{7}", body)}

    assert len(ids(first)) == len({item.trace_id for _, s, b in originals() for item in items(s, b)} - {b""})
    assert not ids(first) & ids(later)
    assert not answers(first) & answers(later)
    assert len(answers(first)) == len(answers([(signal, body) for _, signal, body in originals()]))
