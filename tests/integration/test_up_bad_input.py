"""Bad and hostile input through a running process: each gets its answer or its dead letter and takes nothing down."""

import gzip
import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse as Response
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp.requests import PROTOBUF, resource_spans, traces
from requirements import small_file_system
from running import Running
from spanpulse_stream.gateway._wire import length_delimited, varint
from spanpulse_stream.traffic import LoadGenerator
from sums import check

Value = str | int | float | bool
SECOND = 10**9
HOUR = 3600 * SECOND


class Sender:
    """Sends spans of their own trace to a running process and reads what became of them."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._client = httpx.Client(base_url=running.otlp, timeout=60)
        self._number = 0

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        sent = {"content-type": PROTOBUF, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._client.post("/v1/traces", content=body, headers=sent)

    def span(self, attributes: Mapping[str, Value], **changes: object) -> Span:
        self._number += 1
        now = time.time_ns()
        fields: dict[str, object] = {
            "trace_id": b"bad-input-" + self._number.to_bytes(6, "big"),
            "span_id": self._number.to_bytes(8, "big"),
            "name": "chat",
            "start_time_unix_nano": now - SECOND,
            "end_time_unix_nano": now,
        }
        values = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini", **attributes}
        return Span(**{**fields, **changes}, attributes=[pair(key, value) for key, value in values.items()])

    def send(self, *spans: Span) -> httpx.Response:
        answer = self.post(traces(resource_spans({"service.name": "hostile"}, list(spans))))
        answer.raise_for_status()
        assert self.running.drain()["completeness"]["unaccounted"] == 0
        return answer

    def row(self, span: Span, columns: str) -> dict[str, object]:
        return self.running.sql(f"SELECT {columns} FROM spans WHERE trace_id = '{span.trace_id.hex()}'")[0]

    def letters(self, reason: str) -> int:
        return int(self.running.one(f"count() FROM dead_letters WHERE reason = '{reason}'"))


def pair(key: str, value: Value) -> KeyValue:
    name = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
    return KeyValue(key=key, value=AnyValue(**{name: value}))


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    with Running(tmp_path_factory.mktemp("hostile")) as running:
        yield Sender(running)
        assert running.status()["ready"]
        assert running.status()["completeness"]["unaccounted"] == 0


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"\xff" * 100, {}, 400),
        (b"not gzip", {"content_encoding": "gzip"}, 400),
        (b"{}", {"content_type": "text/plain"}, 415),
        (bytes(21 * 1024 * 1024), {}, 413),
        (gzip.compress(bytes(80 * 1024 * 1024)), {"content_encoding": "gzip"}, 413),
    ],
    ids=["malformed", "no gzip", "text", "too large", "bomb"],
)
def test_bodies_that_cannot_be_read_are_refused(
    sender: Sender, body: bytes, headers: dict[str, str], code: int
) -> None:
    assert sender.post(body, **headers).status_code == code


@pytest.mark.parametrize("moment", [1, time.time_ns() + 48 * HOUR], ids=["1970", "the future"])
def test_spans_of_another_time_are_dead_letters(sender: Sender, moment: int) -> None:
    before = sender.letters("time_out_of_range")
    sender.send(sender.span({}, start_time_unix_nano=moment, end_time_unix_nano=moment))
    assert sender.letters("time_out_of_range") == before + 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("trace_id", b"", "invalid_trace_id"),
        ("trace_id", bytes(16), "invalid_trace_id"),
        ("trace_id", b"short", "invalid_trace_id"),
        ("span_id", b"", "invalid_span_id"),
        ("span_id", bytes(8), "invalid_span_id"),
    ],
)
def test_empty_and_wrong_ids_are_dead_letters(sender: Sender, field: str, value: bytes, reason: str) -> None:
    before = sender.letters(reason)
    sound = sender.span({})
    sender.send(sender.span({}, **{field: value}), sound)
    assert sender.letters(reason) == before + 1
    assert sender.row(sound, "name")["name"] == "chat"


def test_a_span_that_ends_before_it_starts_is_kept_without_duration(sender: Sender) -> None:
    now = time.time_ns()
    span = sender.span({}, start_time_unix_nano=now, end_time_unix_nano=now - SECOND)
    sender.send(span)
    assert sender.row(span, "duration_ns, anomalies") == {"duration_ns": None, "anomalies": ["end_before_start"]}


@pytest.mark.parametrize("tokens", [-5, 2**62, -(2**63), float("nan"), 1e300, "many"], ids=str)
def test_impossible_token_counts_cost_nothing(sender: Sender, tokens: Value) -> None:
    span = sender.span({"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 7})
    sender.send(span)
    row = sender.row(span, "input_tokens, usage_status, toString(cost) AS cost, length(anomalies) AS anomalies")
    assert row["input_tokens"] is None
    assert row["usage_status"] == "invalid"
    assert row["cost"] is None
    assert row["anomalies"]


def test_a_megabyte_in_one_attribute_is_kept(sender: Sender) -> None:
    span = sender.span({"app.note": "x" * 1_000_000})
    sender.send(span)
    assert sender.row(span, "length(attributes['app.note']) AS n")["n"] == 1_000_000


def test_invalid_utf8_rejects_its_span_alone(sender: Sender) -> None:
    before, sound, broken = sender.letters("invalid_utf8"), sender.span({}), sender.span({"app.note": "QQQQ"})
    body = traces(resource_spans({"service.name": "hostile"}, [sound, broken])).replace(b"QQQQ", b"\xff\xfe\xff\xfe")
    answer = sender.post(body)
    assert answer.status_code == 200
    partial: ExportTracePartialSuccess = Response.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert "utf" in partial.error_message.lower()
    sender.running.drain()
    assert sender.letters("invalid_utf8") == before + 1
    assert sender.row(sound, "name")["name"] == "chat"


def test_numbers_that_are_none_stay_readable(sender: Sender) -> None:
    span = sender.span({"gen_ai.request.temperature": float("nan"), "app.limit": float("-inf")})
    sender.send(span)
    found = sender.row(span, "attributes['app.limit'] AS bound, attributes['gen_ai.request.temperature'] AS t")
    assert (str(found["bound"]).lower(), str(found["t"]).lower()) == ("-infinity", "nan")


def test_unknown_models_are_counted_and_listed(sender: Sender) -> None:
    used = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    span = sender.span({"gen_ai.request.model": "house-of-cards-1b", **used})
    sender.send(span)
    assert sender.row(span, "toString(cost) AS cost, input_tokens") == {"cost": None, "input_tokens": 10}
    assert "house-of-cards-1b" in {row["model"] for row in sender.running.status()["unpriced"]}


def test_ten_thousand_spans_in_one_trace_are_kept(sender: Sender) -> None:
    root = sender.span({"gen_ai.operation.name": "invoke_agent"})
    spans = [
        sender.span({}, trace_id=root.trace_id, parent_span_id=(spans_id if index % 7 else root.span_id))
        for index, spans_id in enumerate([root.span_id] * 9_999)
    ]
    sender.send(root, *spans)
    assert sender.row(root, "toInt64(count()) AS n")["n"] == 10_000


def test_five_thousand_models_are_kept_and_rolled_up_within_the_cap(sender: Sender) -> None:
    before = int(sender.running.one("sum(requests) FROM rollup_minute"))
    spans = [
        sender.span({"gen_ai.request.model": f"model-{number}", "gen_ai.usage.input_tokens": 3})
        for number in range(5_000)
    ]
    sender.send(*spans)
    running = sender.running
    assert running.one("toInt64(uniqExact(request_model)) FROM span_rows WHERE request_model LIKE 'model-%'") == 5_000
    assert int(running.one("sum(requests) FROM rollup_minute")) == before + 5_000
    assert running.one("toInt64(uniqExact(model)) FROM rollup_minute") < 5_000
    others = running.one("toInt64(sum(requests)) FROM rollup_minute WHERE model = '__other__'")
    assert others > 0
    assert running.status()["requests_beyond_cap"]["model"] == others


def test_a_deep_chain_of_parents_is_kept(sender: Sender) -> None:
    first = sender.span({})
    chain = [first]
    for _ in range(3_000):
        chain.append(sender.span({}, trace_id=first.trace_id, parent_span_id=chain[-1].span_id))
    sender.send(*chain)
    assert sender.row(first, "toInt64(count()) AS n")["n"] == 3_001


NESTED_TEXTS = (
    *("[" * depth + "]" * depth for depth in (600, 1_000, 1_023, 100_000)),
    *('{"message":' * depth + "1" + "}" * depth for depth in (600, 1_000, 100_000)),
    '[{"role":"user","content":' * 480 + "1" + "}]" * 480,
    '[{"role":"assistant","parts":[{"type":"tool_call","arguments":' + "[" * 900 + "]" * 900 + "}]}]",
    "[" * 100_000,
)
NESTED_KEYS = ("gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.retrieval.documents", "output.value")


def test_nested_texts_take_no_other_span_with_them(sender: Sender) -> None:
    before = sender.letters("processing_failed")
    sound = [sender.span({}) for _ in range(5)]
    deep = [sender.span({"gen_ai.input.messages": text}) for text in NESTED_TEXTS]
    deep += [
        sender.span(dict.fromkeys(NESTED_KEYS, NESTED_TEXTS[0])),
        sender.span(dict.fromkeys(NESTED_KEYS, "[{" * 700)),
    ]
    sender.send(*sound, *deep)
    assert sender.letters("processing_failed") == before
    for span in (*sound, *deep):
        assert sender.row(span, "toInt64(count()) AS n")["n"] == 1
    said = str(sender.row(deep[0], "input_messages")["input_messages"])
    (message,) = json.loads(said)
    assert (message["role"], message["parts"][0]["type"]) == ("user", "text")
    assert "[" * 500 in message["parts"][0]["content"]


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_nested_values_are_dead_letters_alone(sender: Sender, depth: int) -> None:
    before, sound, deep = sender.letters("too_deep"), sender.span({}), sender.span({})
    value = nested_value(depth)
    attribute = length_delimited(9, length_delimited(1, b"app.deep") + length_delimited(2, value))
    spans = length_delimited(2, sound.SerializeToString()) + length_delimited(2, deep.SerializeToString() + attribute)
    sender.post(length_delimited(1, length_delimited(2, spans))).raise_for_status()
    sender.running.drain()
    assert sender.letters("too_deep") == before + 1
    assert sender.row(sound, "name")["name"] == "chat"


def nested_value(depth: int) -> bytes:
    """Return an AnyValue of arrays within one another; each is written in front of what it holds."""
    heads: list[bytes] = []
    size = 0
    for tag in (b"\x0a", b"\x2a") * depth:
        heads.append(tag + varint(size))
        size += len(heads[-1])
    return b"".join(reversed(heads))


def test_nested_json_is_a_dead_letter_alone_or_refused_before_it_is_accepted(sender: Sender) -> None:
    before, sound = sender.letters("too_deep"), sender.span({})
    for depth, code in ((200, 200), (1_000, 400), (100_000, 400)):
        value = '{"arrayValue":{"values":[' * depth + '{"intValue":1}' + "]}}" * depth
        ids = f'"traceId":"{sound.trace_id.hex()}","startTimeUnixNano":"{sound.start_time_unix_nano}"'
        ids += f',"endTimeUnixNano":"{sound.end_time_unix_nano}","name":"chat"'
        deep = f'{{{ids},"spanId":"00000000000000aa","attributes":[{{"key":"a","value":{value}}}]}}'
        body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"spanId":"00000000000000bb"}},{deep}]}}]}}]}}'
        assert sender.post(body.encode(), content_type="application/json").status_code == code
    sender.running.drain()
    assert sender.letters("too_deep") == before + 1
    assert sender.row(sound, "name")["name"] == "chat"


@pytest.mark.parametrize("sent", [b"BREW / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"], ids=["method", "tls"])
def test_the_web_port_says_in_words_that_something_is_no_http(sender: Sender, sent: bytes) -> None:
    host, _, port = sender.running.web.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").read()
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: text/plain" in top
    assert body == b"this is not valid HTTP/1.1\n"


@pytest.mark.slow
def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with small_file_system(tmp_path, 300) as disk:
        running, load, acknowledged = Running(disk), LoadGenerator(3), 0
        running.start()
        filler = disk / "filler"
        with httpx.Client(timeout=60) as client, filler.open("wb") as file:
            headers = {"content-type": PROTOBUF}
            url = f"{running.otlp}/v1/traces"
            refused = 0
            while refused < 5 and acknowledged < 2_000:
                if acknowledged == 3:
                    fill(file)
                answer = client.post(url, content=load.request(time.time_ns()), headers=headers)
                acknowledged += answer.status_code == 200
                refused += answer.status_code == 429
                assert answer.status_code in (200, 429), answer.text
            assert refused == 5
            assert running.process is not None
            assert running.process.poll() is None
            assert httpx.get(f"{running.web}/readyz", timeout=30).status_code == 503
        filler.unlink()
        running.drain()
        assert check(running, load, acknowledged, acknowledged) == acknowledged
        answer = httpx.post(url, content=load.request(time.time_ns()), headers=headers, timeout=60)
        assert answer.status_code == 200
        running.drain()
        assert running.stop() == 0


def fill(file: object) -> None:
    """Write until the disk is full."""
    block = bytes(64 * 1024)
    try:
        while True:
            file.write(block)  # type: ignore[attr-defined]
            file.flush()  # type: ignore[attr-defined]
    except OSError:
        return
