"""Message events in all their shapes become one schema."""

from typing import Any

import pytest

from logevents import TIME_NS, normalise, record, request

DETAILS = "gen_ai.client.inference.operation.details"
TEXT = {"type": "text", "content": "hi"}


def only(*records: Any) -> list[dict[str, Any]]:
    found = normalise(request(*records))
    assert not found.rejected
    assert found.columns.size == len(records)
    return found.texts


def test_a_row_says_where_and_when_it_was_said() -> None:
    rows = only(record("other"), record("gen_ai.user.message", {"content": "hi"}))
    assert rows == [
        {
            "record": 1,
            "trace_id": [int.from_bytes(b"t" * 8, "big")] * 2,
            "span_id": int.from_bytes(b"s" * 8, "big"),
            "time": TIME_NS,
            "direction": "input",
            "position": 0,
            "messages": [{"role": "user", "parts": [TEXT]}],
            "event_name": "gen_ai.user.message",
        }
    ]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_the_event_names_who_speaks(role: str) -> None:
    (row,) = only(record(f"gen_ai.{role}.message", {"content": "hi"}))
    assert row["messages"][0]["role"] in {role, "system"}
    assert row["messages"][0]["parts"] == [TEXT]


def test_the_body_names_who_speaks_rather_than_the_event() -> None:
    (row,) = only(record("gen_ai.user.message", {"role": "assistant", "content": "hi"}))
    assert row["messages"] == [{"role": "assistant", "parts": [TEXT]}]


def test_older_events_are_named_by_an_attribute() -> None:
    (row,) = only(record("", {"content": "hi"}, {"event.name": "gen_ai.user.message"}))
    assert row["event_name"] == "gen_ai.user.message"


def test_the_field_goes_before_the_attribute() -> None:
    assert not only(record("other", {"content": "hi"}, {"event.name": "gen_ai.user.message"}))


@pytest.mark.parametrize(
    "body",
    ["hi", '{"content": "hi"}', {"content": [{"type": "text", "text": "hi"}]}, {"content": ["hi"]}, {"parts": [TEXT]}],
)
def test_bodies_of_any_form_are_read(body: Any) -> None:
    (row,) = only(record("gen_ai.user.message", body))
    assert row["messages"] == [{"role": "user", "parts": [TEXT]}]


def test_an_empty_body_gives_way_to_the_older_attribute() -> None:
    (row,) = only(record("gen_ai.user.message", None, {"gen_ai.event.content": '{"content": "hi"}'}))
    assert row["messages"] == [{"role": "user", "parts": [TEXT]}]


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "line\nbreak\ttab \x00\x1f\x7f", "日本 🎉", "x" * 100_000])
def test_no_character_is_lost(text: str) -> None:
    for body in ({"content": text}, {"content": [text]}, {"content": text, "name": "ann"}):
        (row,) = only(record("gen_ai.user.message", body))
        assert row["messages"][0]["parts"] == [{"type": "text", "content": text}]


def test_tool_calls_keep_their_arguments_as_structure() -> None:
    function = {"name": "weather", "arguments": '{"city": "Paris", "days": 2, "exact": true}'}
    (row,) = only(record("gen_ai.assistant.message", {"tool_calls": [{"id": "c1", "function": function}]}))
    (part,) = row["messages"][0]["parts"]
    arguments = {"city": "Paris", "days": 2, "exact": True}
    assert part == {"type": "tool_call", "id": "c1", "name": "weather", "arguments": arguments}


@pytest.mark.parametrize("name", ["id", "tool_call_id"])
def test_a_tool_message_is_the_answer_to_a_call(name: str) -> None:
    (row,) = only(record("gen_ai.tool.message", {"content": "21 degrees", name: "c1"}))
    parts = [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}]
    assert row["messages"] == [{"role": "tool", "parts": parts}]


@pytest.mark.parametrize(
    "message", [{"content": "hi"}, {"role": "assistant", "content": "hi"}, {"content": ["hi"]}, "hi"]
)
def test_a_choice_is_an_output_at_its_index(message: Any) -> None:
    (row,) = only(record("gen_ai.choice", {"index": 3, "finish_reason": "length", "message": message}))
    assert (row["direction"], row["position"]) == ("output", 3)
    assert row["messages"] == [{"role": "assistant", "parts": [TEXT], "finish_reason": "length"}]


@pytest.mark.parametrize("index", [-1, 2**31, 2**63 - 1, 1.5, "2", [1]])
def test_an_impossible_index_is_none(index: Any) -> None:
    (row,) = only(record("gen_ai.choice", {"index": index, "message": {"content": "hi"}}))
    assert row["position"] == 0


def test_tool_calls_beside_the_message_of_a_choice_are_its_own() -> None:
    call = {"id": "c1", "function": {"name": "weather"}}
    (row,) = only(record("gen_ai.choice", {"message": {"role": "assistant"}, "tool_calls": [call]}))
    assert [part["name"] for part in row["messages"][0]["parts"]] == ["weather"]


@pytest.mark.parametrize("body", [None, "", {}, {"content": ""}, {"content": None}, {"role": "user"}, {"content": []}])
def test_messages_without_content_are_no_texts(body: Any) -> None:
    assert not only(record("gen_ai.user.message", body))
    assert not only(record("gen_ai.choice", {"index": 0, "finish_reason": "error", "message": body}))


@pytest.mark.parametrize("body", [None, {}, {"role": "assistant"}])
def test_a_choice_without_content_still_says_why_it_ended(body: Any) -> None:
    (row,) = only(record("gen_ai.choice", {"index": 0, "finish_reason": "tool_calls", "message": body}))
    assert row["messages"] == [{"role": "assistant", "parts": [], "finish_reason": "tool_call"}]


def test_details_give_an_input_and_an_output() -> None:
    attributes = {
        "gen_ai.input.messages": [{"role": "user", "parts": [TEXT]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [TEXT], "finish_reason": "stop"}],
    }
    rows = only(record(DETAILS, None, attributes))
    assert [(row["direction"], row["messages"]) for row in rows] == [
        ("input", attributes["gen_ai.input.messages"]),
        ("output", attributes["gen_ai.output.messages"]),
    ]


def test_details_may_be_texts_in_json_or_lie_in_the_body() -> None:
    messages = '[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]'
    structure = [{"role": "user", "parts": [TEXT]}]
    for given in (
        record(DETAILS, None, {"gen_ai.input.messages": messages}),
        record(DETAILS, {"gen_ai.input.messages": messages}),
        record(DETAILS, {"gen_ai.input.messages": structure}),
        record("gen_ai.content.prompt", None, {"gen_ai.prompt": '[{"role": "user", "content": "hi"}]'}),
    ):
        (row,) = only(given)
        assert row["messages"] == structure


@pytest.mark.parametrize("instructions", ["be brief", [{"type": "text", "content": "be brief"}], ["be brief"]])
def test_instructions_come_first(instructions: Any) -> None:
    system = {"role": "system", "parts": [{"type": "text", "content": "be brief"}]}
    attributes = {"gen_ai.system_instructions": instructions}
    (row,) = only(record(DETAILS, None, attributes))
    assert row["messages"] == [system]
    for messages in ([{"role": "user", "parts": [TEXT]}], '  [{"role": "user", "content": "hi"}]'):
        (row,) = only(record(DETAILS, None, {**attributes, "gen_ai.input.messages": messages}))
        assert row["messages"] == [system, {"role": "user", "parts": [TEXT]}]


@pytest.mark.parametrize("key", ["parts", "content"])
def test_instructions_are_not_repeated(key: str) -> None:
    content = [{"type": "text", "content": "be brief"}]
    messages = [{"role": "system", key: content}, {"role": "user", key: [TEXT]}]
    attributes = {"gen_ai.system_instructions": "be brief", "gen_ai.input.messages": messages}
    (row,) = only(record(DETAILS, None, attributes))
    assert [message["role"] for message in row["messages"]] == ["system", "user"]


def test_values_of_every_kind_are_kept() -> None:
    data = {"a": 1.5, "b": b"\x00\xff", "c": None, "d": [True, False, -(2**63), 2**63 - 1, 0, -10], "e": {}, "f": []}
    part = {"type": "blob", **data}
    (row,) = only(record(DETAILS, None, {"gen_ai.input.messages": [{"role": "user", "parts": [part]}]}))
    assert row["messages"][0]["parts"] == [{**part, "b": "AP8="}]


@pytest.mark.parametrize("kind", [[], {}, 7, True, [["text"]]])
def test_a_part_of_an_odd_type_keeps_its_text(kind: Any) -> None:
    part = {"type": kind, "text": "hi"}
    (row,) = only(record("gen_ai.user.message", {"content": [part]}))
    assert row["messages"] == [{"role": "user", "parts": [TEXT]}]
    (row,) = only(record(DETAILS, None, {"gen_ai.input.messages": [part]}))
    assert row["messages"] == [{"role": "user", "parts": [TEXT]}]


@pytest.mark.parametrize("depth", [90, 110, 300, 2000])
def test_json_in_texts_may_be_deep(depth: int) -> None:
    text = '{"content": ' + "[" * depth + "]" * depth + "}"
    call = {"function": {"name": "f", "arguments": "[" * depth + "]" * depth}}
    rows = only(record("gen_ai.user.message", text), record("gen_ai.choice", {"message": {"tool_calls": [call]}}))
    assert ["[" * 80 in str(row["messages"]) for row in rows] == [True, True]


def test_no_messages_make_columns_without_rows() -> None:
    assert (normalise().columns.size, normalise().texts, normalise().scores) == (0, [], [])
