"""What is erased is in no file of the data folder, all sums stay, and what arrives meanwhile is exact."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from command_line import Printed, spanpulse
from otlp.requests import PROTOBUF, attributes, resource_spans, traces
from running import Running
from spanpulse_stream.traffic import LoadGenerator

RESOURCE = {"service.name": "shop", "service.instance.id": "one"}
ALICE, BOB = "alice-4711@example.org", "bob-0815@example.org"
MARKER = "the quick brown secret"
TRACES = {ALICE: [0xA11CE_0000_0000_0000_0000_0000_0001 + n for n in range(3)], BOB: [0xB0B_0000_0000_0000_0000_0001]}
LATER = {"note": "later", "gen_ai__input__messages": "[]"}
SUMS = {
    "rollup_minute": "toString(tuple(sum(requests), sum(cost), sum(input_tokens), sumMap(latency)))",
    "rollup_service": "toString(tuple(sum(spans), sum(errors), sumMap(latency)))",
    "rollup_score": "toString(tuple(sum(scores), sum(value_sum)))",
    "batches": "toString(tuple(sum(accepted), sum(stored), sum(duplicate), sum(dead_lettered)))",
    "span_rows": "toString(tuple(count(), sum(cost), sum(duration_ns)))",
}


def span(trace: int, number: int, parent: int = 0, **told: str | int) -> Span:
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace % 1000 * 100 + number).to_bytes(8, "big"),
        parent_span_id=(trace % 1000 * 100 + parent).to_bytes(8, "big") if parent else b"",
        name="chat",
        start_time_unix_nano=time.time_ns() - 2 * 10**9,
        end_time_unix_nano=time.time_ns() - 10**9,
        attributes=attributes({name.replace("__", "."): value for name, value in told.items()}),
    )


def call(trace: int, number: int, parent: int = 0, **told: str | int) -> Span:
    usage: dict[str, str | int] = {"gen_ai__usage__input_tokens": 100, "gen_ai__usage__output_tokens": 10}
    usage |= {"gen_ai__operation__name": "chat", "gen_ai__request__model": "gpt-5", "note": MARKER}
    usage |= {"gen_ai__input__messages": said(), "gen_ai__response__id": f"response {trace:x} {number}"}
    return span(trace, number, parent, **(usage | told))


def said() -> str:
    return f'[{{"role": "user", "parts": [{{"type": "text", "content": "{MARKER}"}}]}}]'


def spans(*found: Span) -> bytes:
    return traces(resource_spans(RESOURCE, list(found)))


def logs(trace: int, user: str) -> bytes:
    """Return a score and a late text of a call."""
    place = {"trace_id": trace.to_bytes(16, "big"), "span_id": (trace % 1000 * 100 + 2).to_bytes(8, "big")}
    told = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.explanation": MARKER, "user.id": user}
    score = LogRecord(
        time_unix_nano=time.time_ns(),
        event_name="gen_ai.evaluation.result",
        attributes=[*attributes(told), KeyValue(key="gen_ai.evaluation.score.value", value=AnyValue(double_value=0.5))],
        **place,
    )
    text = LogRecord(
        time_unix_nano=time.time_ns(),
        event_name="gen_ai.client.inference.operation.details",
        attributes=attributes({"gen_ai.input.messages": said()}),
        **place,
    )
    group = ResourceLogs(
        resource=Resource(attributes=attributes(RESOURCE)), scope_logs=[ScopeLogs(log_records=[score, text])]
    )
    return ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()


def send(running: Running, body: bytes, signal: str = "traces") -> None:
    url = f"{running.otlp}/v1/{signal}"
    httpx.post(url, content=body, headers={"content-type": PROTOBUF}, timeout=60).raise_for_status()


def fill(running: Running) -> None:
    """Send traces of two users: calls before the span that says whose they are, texts, scores, and broken spans."""
    for user, numbers in TRACES.items():
        for trace in numbers:
            send(running, spans(call(trace, 2, 1)))
            running.drain()  # so that the user comes as a correction
            send(running, spans(span(trace, 1, 0, user__id=user, session__id=f"session of {user}", note=MARKER)))
            send(running, logs(trace, user), "logs")
            broken = call(trace, 7, 1, user__id=user)
            broken.trace_id = b"short"
            send(running, spans(broken))
    running.drain()


def sums(running: Running) -> dict[str, str]:
    return {table: running.one(f"{expression} AS found FROM {table}") for table, expression in SUMS.items()}


def erase(running: Running, *words: str) -> Printed:
    done = spanpulse("erase", *words, "--yes", "--data", str(running.data), folder=running.data.parent)
    assert done.code == 0, done.err + running.output
    return done


def audit(running: Running) -> None:
    done = spanpulse("audit", "--data", str(running.data), folder=running.data.parent)
    assert done.code == 0, done.out + done.err


def traces_left(running: Running, needle: str) -> list[str]:
    """Return the tables in which any row holds a text, and files of the data folder with its bytes."""
    found = [table for table in tables(running) if running.one(f"count() FROM {table} WHERE {_holds(needle)}")]
    return found + files_left(running.data, needle.encode())


def files_left(folder: Path, needle: bytes) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def tables(running: Running) -> list[str]:
    rows = running.sql("SELECT name FROM system.tables WHERE database = 'spanpulse' AND engine LIKE '%MergeTree'")
    return [row["name"] for row in rows]


def _holds(needle: str) -> str:
    """Return the condition on a row; a NULL is looked below, where the engine may keep what it was."""
    return f"position(toString(tuple(* APPLY(assumeNotNull))), '{needle}') > 0"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("erase")) as running:
        fill(running)
        yield running


def test_a_user_is_erased_everywhere_and_sums_stay(filled: Running) -> None:
    before = sums(filled)
    everything = [ALICE, *(f"{trace:032x}" for trace in TRACES[ALICE])]
    assert all(traces_left(filled, needle) for needle in everything)
    counted = spanpulse("erase", "--user", ALICE, "--dry-run", "--data", str(filled.data), folder=filled.data.parent)
    assert "would be erased" in counted.out
    assert sums(filled) == before
    rows = json.loads(erase(filled, "--user", ALICE, "--json").out)["rows"]
    assert rows.pop("rollup_user") > 0  # as many as are not merged yet
    of_calls = dict.fromkeys(("span_texts", "scores", "dead_letters", "span_updates"), 3)
    assert rows.pop("dead_letters_by_word") == 0
    assert rows == {"span_rows": 6, "seen": 6, **of_calls}
    for needle in everything:
        assert traces_left(filled, needle) == [], needle
    keys = ", ".join(f"({trace >> 64}, {trace & (1 << 64) - 1})" for trace in TRACES[ALICE])
    assert filled.one(f"count() FROM seen WHERE (key_high, key_low) IN ({keys})") == 0
    assert sums(filled) == before
    audit(filled)


def test_what_belongs_to_others_is_untouched(filled: Running) -> None:
    assert filled.sql("SELECT user_id AS u, toInt64(count()) AS n FROM spans GROUP BY u") == [{"u": BOB, "n": 2}]
    assert filled.sql("SELECT DISTINCT user_id AS u FROM rollup_user") == [{"u": BOB}]
    assert traces_left(filled, MARKER)  # of Bob's
    assert filled.one("count() FROM dead_letters WHERE bytes != ''") == 1


@pytest.mark.parametrize("order", ["newest", "slowest", "dearest", "failed"])
def test_the_lists_of_traces_know_nothing_of_what_was_erased(filled: Running, order: str) -> None:
    kept = {row["t"] for row in filled.sql("SELECT DISTINCT trace_id AS t FROM spans")}
    found = httpx.get(f"{filled.web}/api/v1/traces?range=30d&order={order}", timeout=30).raise_for_status().json()
    assert {trace["trace_id"] for trace in found["traces"]} <= kept


def test_a_partition_does_not_remember_the_user(filled: Running) -> None:
    trace = TRACES[ALICE][0]
    send(filled, spans(call(trace, 5, 1, **LATER)))
    filled.drain()
    where = f"trace_id = '{trace:032x}'"
    assert filled.sql(f"SELECT user_id AS u, session_id AS s FROM spans WHERE {where}") == [{"u": None, "s": None}]
    other = TRACES[BOB][0]
    send(filled, spans(call(other, 5, 1, **LATER)))
    filled.drain()
    assert filled.one(f"count() FROM spans WHERE trace_id = '{other:032x}' AND user_id = '{BOB}'") == 3
    audit(filled)


def test_a_trace_is_erased_and_its_users_sums_lose_it(filled: Running) -> None:
    before, trace = sums(filled), TRACES[BOB][0]
    requests = "toInt64(sum(requests)) AS n FROM rollup_user"
    assert filled.one(requests) > 0
    erase(filled, "--trace", f"{trace:032X}")
    assert filled.one(requests) == 0
    assert traces_left(filled, f"{trace:032x}") == []
    assert sums(filled) == before
    erase(filled, "--user", BOB)  # the span that came broken has no trace
    assert traces_left(filled, MARKER) == traces_left(filled, BOB) == []
    assert sums(filled) == before
    audit(filled)


def test_an_unknown_user_is_no_error(filled: Running) -> None:
    before = sums(filled)
    done = erase(filled, "--user", "nobody'); DROP TABLE span_rows; -- \\")
    assert " 0  span_rows" in f" {done.out}".replace("\n", " ")
    assert sums(filled) == before


def test_what_cannot_be_meant_is_refused(filled: Running) -> None:
    words = ("--user", BOB, "--trace", "12", "--yes", "--data", str(filled.data))
    done = spanpulse("erase", *words, folder=filled.data.parent)
    assert (done.code, "name one of" in done.err) == (2, True), done.err


def test_it_asks_before(filled: Running) -> None:
    done = spanpulse("erase", "--user", BOB, "--data", str(filled.data), folder=filled.data.parent)
    assert (done.code, "--yes" in done.err) == (2, True)


def test_a_user_is_erased_while_spans_arrive_and_across_a_kill(tmp_path: Path) -> None:
    """What was acknowledged is there once, the user is not, however often the erasure is interrupted."""
    running, load = Running(tmp_path), LoadGenerator(5)
    sent: list[bytes] = []
    with running:
        fill(running)
        stop = threading.Event()
        sender = threading.Thread(target=_send_on, args=(running, load, sent, stop))
        sender.start()
        eraser = threading.Thread(
            target=spanpulse,
            args=("erase", "--user", ALICE, "--yes", "--data", str(running.data)),
            kwargs={"folder": tmp_path},
        )
        eraser.start()
        _wait_for((running.data / "erase.json").exists)
        running.kill()
        stop.set()
        sender.join()
        eraser.join()
    with running:
        _wait_for(lambda: not (running.data / "erase.json").exists())
        for body in sent:  # those without an answer among them
            send(running, body)
        running.drain()
        assert traces_left(running, ALICE) == []
        expected = len(sent) * load.spans_per_request + 8
        assert running.one("toInt64(count()) FROM span_rows") == expected
        assert running.one("toInt64(sum(spans)) FROM rollup_service") == expected
        assert running.status()["completeness"]["unaccounted"] == 0
        audit(running)


def _send_on(running: Running, load: LoadGenerator, sent: list[bytes], stop: threading.Event) -> None:
    with httpx.Client(timeout=30) as client:
        while not stop.is_set() and len(sent) < 40:
            sent.append(load.request(time.time_ns()))
            try:
                client.post(f"{running.otlp}/v1/traces", content=sent[-1], headers={"content-type": PROTOBUF})
            except httpx.TransportError:
                return
            stop.wait(0.05)


def _wait_for(true: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
