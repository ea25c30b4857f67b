"""Each rule by which spans become rows, whatever they tell of, on the smallest span that shows it."""

import json
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from making_spans import CHAT, NOW, SECOND, messages, one, pairs, request, span, text
from normalising import RECEIVED_MS, normalised, origin
from spanpulse_stream.decode import Limits, decode_spans
from spanpulse_stream.normalise import KEYS, normalise_spans

# what becomes a row


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"trace_id": b""}, "invalid_trace_id"),
        ({"trace_id": b"short"}, "invalid_trace_id"),
        ({"trace_id": bytes(16)}, "invalid_trace_id"),
        ({"span_id": b""}, "invalid_span_id"),
        ({"span_id": bytes(8)}, "invalid_span_id"),
        ({"span_id": bytes(16)}, "invalid_span_id"),
        ({"end_time_unix_nano": 0}, "time_out_of_range"),
        ({"end_time_unix_nano": NOW + 25 * 3600 * SECOND}, "time_out_of_range"),
        ({"end_time_unix_nano": 2**64 - 1}, "time_out_of_range"),
    ],
)
def test_a_span_that_can_be_no_row_is_set_aside_with_its_reason(changed: dict[str, Any], reason: str) -> None:
    got = normalised([request(span({})), request(span({}), span({}, **changed))], first=7)
    assert got.columns.size == 2
    (letter,) = got.rejected
    assert (letter.reason, letter.log_offset, letter.ordinal, letter.tenant) == (reason, 8, 1, "default")
    assert letter.detail
    assert Span.FromString(letter.bytes) == span({}, **changed)


def test_a_span_up_to_a_day_ahead_is_taken() -> None:
    assert one({}, end_time_unix_nano=NOW + 24 * 3600 * SECOND).columns.size == 1


def test_an_unreadable_message_is_set_aside_beside_a_sound_one() -> None:
    got = normalised([b"\xff\xff", request(span({}))])
    assert [letter.ordinal for letter in got.rejected] == [-1]
    assert got.column("log_offset") == [1]


def test_no_message_and_no_span_are_empty_batches() -> None:
    for bodies in ([], [b""], [request()]):
        got = normalised(bodies)
        assert (got.columns.size, got.rejected) == (0, [])


@pytest.mark.parametrize(
    ("start", "anomaly"),
    [(NOW, "end_before_start"), (2**64 - 1, "end_before_start"), (0, "start_out_of_range")],
)
def test_a_span_with_an_odd_start_has_no_duration(start: int, anomaly: str) -> None:
    got = one({}, start_time_unix_nano=start)
    assert got.one("duration_ns") is None
    assert got.one("anomalies") == [anomaly]


def test_times_and_ids_of_a_sound_span() -> None:
    got = one({}, parent_span_id=bytes(7) + b"\5")
    assert got.one("duration_ns") == SECOND
    assert got.one("parent_span_id") == 5
    assert got.one("anomalies") == []


def test_a_parent_id_of_a_wrong_length_is_none() -> None:
    got = one({}, parent_span_id=b"abc")
    assert (got.one("parent_span_id"), got.one("anomalies")) == (0, ["invalid_parent_id"])


# which attribute counts


def test_the_last_of_equal_keys_counts() -> None:
    twice = [*pairs({"user.id": "first", "x": "1"}), *pairs({"user.id": "last", "x": "2"})]
    got = normalised(
        [request(Span.FromString(span({}).SerializeToString() + Span(attributes=twice).SerializeToString()))]
    )
    assert got.one("user_id") == "last"
    assert got.attributes() == {"x": "2"}


def test_the_current_name_is_preferred_to_an_older_one_in_any_order() -> None:
    for keys in (("gen_ai.provider.name", "gen_ai.system"), ("gen_ai.system", "gen_ai.provider.name")):
        got = one({key: {"gen_ai.system": "anthropic", "gen_ai.provider.name": "openai"}[key] for key in keys})
        assert got.one("provider") == "openai"
        assert got.attributes() == {"gen_ai.system": "anthropic"}


def test_an_empty_text_and_a_value_of_another_kind_do_not_count() -> None:
    got = one({"gen_ai.provider.name": "", "gen_ai.system": "openai", "user.id": [1], "enduser.id": "u"})
    assert (got.one("provider"), got.one("user_id")) == ("openai", "u")
    assert got.attributes() == {"gen_ai.provider.name": "", "user.id": "[1]"}


def test_every_other_attribute_is_kept_as_text() -> None:
    values = {
        "text": "é", "yes": True, "no": False, "int": -(2**63), "double": 0.1, "whole": 2.0, "nan": float("nan"),
        "list": [1, "a", None, float("inf")], "pairs": {"b": {"c": [True]}}, "bytes": b"\0\1",
        "empty": None, "": "none",
    }  # fmt: skip
    assert one(values).attributes() == {
        "text": "é", "yes": "true", "no": "false", "int": "-9223372036854775808", "double": "0.1", "whole": "2.0",
        "nan": "NaN", "list": '[1,"a",null,null]', "pairs": '{"b":{"c":[true]}}', "bytes": "AAE=", "empty": "null",
        "": "none",
    }  # fmt: skip


def test_a_name_that_is_too_long_is_none_and_stays_with_the_attributes() -> None:
    long = "é" * 1000
    got = one({"user.id": long, "session.id": "s" * 1024}, name=long)
    assert got.one("user_id") is None
    assert got.one("session_id") == "s" * 1024
    assert got.one("name") == "é" * 512
    assert got.attributes() == {"user.id": long}
    assert got.one("anomalies") == ["text_too_long"]


def test_ten_thousand_attributes_and_a_megabyte() -> None:
    many = {f"key.{number}": number for number in range(10_000)} | {"large": "x" * 10**6} | CHAT
    decoded = decode_spans([request(span(many))], KEYS, Limits(max_attributes=20_000))
    columns, rejected = normalise_spans(decoded, origin(1))
    assert rejected == []
    assert columns.request_model.tolist() == ["gpt-5"]
    assert len(columns.attributes.to_pylist()[0]) == 10_001


# what was said


def test_messages_in_the_schema_are_passed_on_byte_by_byte() -> None:
    written = '[ {"role": "user", "parts": [{"content": "h\\u00e9", "type": "text"}], "name": null} ]'
    got = one(CHAT | {"gen_ai.input.messages": written})
    assert got.one("input_messages") == written
    assert "gen_ai.input.messages" not in got.attributes()


def test_system_instructions_go_first_unless_they_are_there() -> None:
    instructions = {"gen_ai.system_instructions": '[{"type":"text","content":"Be terse."}]'}
    for said in ([text("user", "hi")], [text("user", "a"), text("assistant", "b")]):
        got = one(CHAT | instructions | {"gen_ai.input.messages": json.dumps(said)})
        assert messages(got) == [text("system", "Be terse."), *said]
    said = [text("system", "Be terse."), text("user", "hi")]
    assert messages(one(CHAT | instructions | {"gen_ai.input.messages": json.dumps(said)})) == said
    assert messages(one(CHAT | instructions)) == [text("system", "Be terse.")]


def test_a_text_that_should_be_json_is_one_message_and_noted() -> None:
    got = one(CHAT | {"gen_ai.output.messages": '[{"role":"assis'})
    assert messages(got, "output_messages") == [text("assistant", '[{"role":"assis')]
    assert got.one("anomalies") == ["messages_not_json"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("hello", [text("user", "hello")]),
        ([{"role": "user", "content": "hi"}], [text("user", "hi")]),
        ({"messages": [{"role": "system", "content": [{"type": "text", "text": "s"}]}]}, [text("system", "s")]),
        ({"system": "s", "prompt": "p"}, [text("system", "s"), text("user", "p")]),
        ({"contents": [{"role": "model", "parts": [{"text": "t"}]}]}, [text("assistant", "t")]),
        ({"model": "m", "input": "why?", "instructions": "s"}, [text("system", "s"), text("user", "why?")]),
        (
            [{"role": "tool", "tool_call_id": "c", "content": "21"}],
            [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "21"}]}],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}],
                }
            ],
            [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": [1]}]}],
        ),
    ],
)
def test_requests_of_any_form_become_messages(written: Any, said: Any) -> None:
    value = written if isinstance(written, str) else json.dumps(written)
    assert messages(one(CHAT | {"input.value": value}, "openinference.instrumentation.openai")) == said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                "systemInstruction": {"parts": [{"text": "s"}]},
            },
            [text("system", "s"), text("user", "hi")],
        ),
        ({"contents": "hi", "config": {"system_instruction": "s"}}, [text("system", "s"), text("user", "hi")]),
        ({"contents": {"role": "user", "parts": [{"text": "hi"}]}}, [text("user", "hi")]),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [1]}}]}]},
            [{"role": "user", "parts": [{"type": "tool_call_response", "id": "t", "response": [1]}]}],
        ),
    ],
    ids=["gemini", "gemini's sdk", "one content", "converse"],
)
def test_raw_requests_of_gemini_and_bedrock(asked: Any, said: Any) -> None:
    assert messages(one(CHAT | {"input.value": json.dumps(asked)})) == said


CALL = {"type": "tool_call", "id": None, "name": "f", "arguments": {"a": 1}}


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"text": "Paris.", "function_call": None}, {"type": "text", "content": "Paris."}),
        ({"text": "Well.", "thought": True}, {"type": "reasoning", "content": "Well."}),
        ({"functionCall": {"name": "f", "args": {"a": 1}}}, CALL),
        ({"text": None, "function_call": {"name": "f", "args": {"a": 1}, "id": None}}, CALL),
        ({"inlineData": {"data": ""}}, {"type": "text", "content": '{"inlineData":{"data":""}}'}),
    ],
    ids=["text", "thought", "call", "call of the sdk", "unknown"],
)
@pytest.mark.parametrize("reason", ["finishReason", "finish_reason"])
def test_raw_answers_of_gemini(part: Any, read: Any, reason: str) -> None:
    candidate = {"content": {"parts": [part], "role": "model"}, reason: "STOP", "index": 0}
    got = one(CHAT | {"output.value": json.dumps({"candidates": [candidate], "modelVersion": "gemini-2.5-pro"})})
    assert messages(got, "output_messages") == [{"role": "assistant", "parts": [read], "finish_reason": "STOP"}]
    assert got.one("finish_reasons") == ["stop"]


def test_raw_answers_of_converse() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "Well.", "signature": "x"}}},
        {"text": "Paris."},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
    ]
    answer = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
    got = one(CHAT | {"output.value": json.dumps(answer)})
    parts = [{"type": "reasoning", "content": "Well."}, {"type": "text", "content": "Paris."}, CALL | {"id": "t"}]
    assert messages(got, "output_messages") == [{"role": "assistant", "parts": parts, "finish_reason": "tool_use"}]
    assert got.one("finish_reasons") == ["tool_call"]


def test_structured_messages_are_read_like_json() -> None:
    got = one(CHAT | {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]})
    assert messages(got) == [text("user", "hi")]


def test_flattened_messages_are_put_together_in_order() -> None:
    got = one(
        CHAT
        | {
            "gen_ai.prompt.10.content": "third",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "first",
            "gen_ai.prompt.2.role": "user",
            "gen_ai.prompt.2.content": "second",
            "gen_ai.completion.0.content": "answer",
        }
    )
    assert messages(got) == [text("system", "first"), text("user", "second"), text("user", "third")]
    assert messages(got, "output_messages") == [text("assistant", "answer")]
    assert got.attributes() == {}


def test_messages_in_span_events() -> None:
    events = [
        Span.Event(name="gen_ai.user.message", attributes=pairs({"content": "hi"})),
        Span.Event(name="gen_ai.choice", attributes=pairs({"finish_reason": "stop", "message": '{"content":"yes"}'})),
        Span.Event(name="gen_ai.content.prompt", attributes=pairs({"gen_ai.prompt": "old"})),
    ]
    got = one(CHAT, events=events)
    assert messages(got) == [text("user", "hi"), text("user", "old")]
    assert messages(got, "output_messages") == [text("assistant", "yes") | {"finish_reason": "stop"}]
    assert [event["name"] for event in json.loads(str(got.one("events")))] == [event.name for event in events]


def test_what_is_told_twice_is_kept_once() -> None:
    twice = {"traceloop.entity.input": "hi", "gen_ai.task.input": "hi", "gen_ai.prompt.0.content": "hi"}
    got = one(CHAT | twice | {"gen_ai.input.messages": json.dumps([text("user", "hi")])})
    assert messages(got) == [text("user", "hi")]
    assert got.attributes() == {}


# retrieval


def test_documents_have_one_form() -> None:
    found = [{"id": "a", "content": "c", "score": 0.5}]
    retrieval = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": "q"}
    for written in (found, [{"id": "a", "text": "c", "score": 0.5}], {"documents": found}):
        got = one(retrieval | {"gen_ai.retrieval.documents": json.dumps(written)})
        assert json.loads(str(got.one("retrieval_documents"))) == found
        assert got.one("retrieval_query") == "q"
    got = one(retrieval | {"gen_ai.retrieval.documents": "no json"})
    assert json.loads(str(got.one("retrieval_documents"))) == [{"content": "no json"}]
    assert got.one("anomalies") == ["documents_not_json"]


def test_flattened_documents_and_a_query_that_was_the_input() -> None:
    got = one(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "q",
            "retrieval.documents.0.document.content": "c",
            "retrieval.documents.0.document.score": 0.5,
        }
    )
    assert json.loads(str(got.one("retrieval_documents"))) == [{"content": "c", "score": 0.5}]
    assert got.rows("retrieval_query", "input_messages") == [("q", None)]
    assert got.attributes() == {}


# whose and which


def test_experiments_tags_weight_and_prompt() -> None:
    got = one(
        {
            "spanpulse.experiment.style": "concise",
            "spanpulse.tag.top_k": 3,
            "spanpulse.weight": 10,
            "gen_ai.prompt.name": "answer",
            "spanpulse.prompt.version": 7,
        }
    )
    assert got.rows("experiments", "tags", "weight") == [([("style", "concise")], [("top_k", "3")], 10)]
    assert got.rows("prompt_name", "prompt_version") == [("answer", "7")]
    assert got.attributes() == {}


@pytest.mark.parametrize(
    ("written", "weight"), [(0, 1), (-5, 1), (10**6 + 1, 10**6), (1.5, 1), ("x", 1), (float("nan"), 1)]
)
def test_a_weight_is_kept_in_its_bounds(written: Any, weight: int) -> None:
    got = one({"spanpulse.weight": written})
    assert got.rows("weight", "anomalies") == [(weight, ["weight_out_of_range"])]


def test_users_out_of_metadata() -> None:
    got = one({"metadata": '{"user_id": "u", "session_id": 5}'}, "openinference.instrumentation.openai")
    assert got.rows("user_id", "session_id") == [("u", None)]
    assert one({"metadata": '{"user_id": "u"}'}).one("user_id") is None


def test_resources_scopes_and_links() -> None:
    resource = {"service.name": "shop", "deployment.environment": "test", "n": [1]}
    link = Span.Link(trace_id=bytes(15) + b"\7", span_id=bytes(7) + b"\x08", attributes=pairs({"a": 1}))
    got = normalised([request(span({}, links=[link]), scope="s", resource=resource), request(span({}), scope="")])
    assert got.column("service_name") == ["shop", None]
    assert got.column("environment") == ["test", None]
    assert got.column("emitter_name") == ["s", None]
    assert json.loads(str(got.column("resource")[0])) == resource
    assert json.loads(str(got.column("links")[0])) == [
        {"trace_id": "0" * 31 + "7", "span_id": "0" * 15 + "8", "attributes": {"a": 1}}
    ]
    assert got.column("links")[1] is None


def test_resources_that_differ_in_a_number_or_a_border_alone_are_told_apart() -> None:
    said = [{"a": "bc", "pid": 7}, {"a": "bc", "pid": 8}, {"ab": "c", "pid": 7}, {"a": "bc", "pid": 7}, {}, {"a": ""}]
    got = normalised([request(span({}), resource=each) for each in said])
    assert [json.loads(str(text)) for text in got.column("resource")] == said
    assert len(got.columns.resource.values) == len(said) - 1


def test_the_spans_of_a_batch_keep_the_order_of_the_log() -> None:
    got = normalised([request(*[span({}, name=f"{body}{row}") for row in range(3)]) for body in "ab"], first=5)
    assert got.rows("log_offset", "ordinal", "name") == [
        (5 + at, row, f"{body}{row}") for at, body in enumerate("ab") for row in range(3)
    ]
    assert got.columns.tenant.tolist() == ["default"] * 6
    assert np.all(got.columns.received_at == RECEIVED_MS)


# hostile texts


@pytest.mark.parametrize(
    "written",
    [
        '{"a":' * 250 + "1" + "}" * 250,
        "[" * 250 + "]" * 250,
        "[" * 100_000,
        '[{"role":"user","content":' + '{"a":' * 240 + "1" + "}" * 242 + "]",
        json.dumps(
            [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[" * 254 + "]" * 254}}]}]
        ),
        '"' + "x" * 10**6,
        '{"role":"user","content":"\\ud800"}',
        "\0",
    ],
)
@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages",
        "input.value",
        "gen_ai.retrieval.documents",
        "output.value",
        "gen_ai.system_instructions",
    ],
)
def test_deep_and_broken_json_is_kept_as_something(key: str, written: str) -> None:
    got = one(CHAT | {key: written})
    assert got.columns.size == 1
    assert got.rejected == []
    for column in ("input_messages", "output_messages", "retrieval_documents"):
        if got.one(column) is not None:
            assert isinstance(json.loads(str(got.one(column))), list)
