"""The content policy keeps no more text than it says, and cut JSON is still JSON of the same shape."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Span, llm, log_columns, span_columns, words
from spanpulse_stream.columns import LogColumns, SpanColumns, TextColumns
from spanpulse_stream.rows import ContentPolicy

MESSAGES = [
    {"role": "user", "parts": [{"type": "text", "content": "é" * 50}, {"type": "text", "content": "short"}]},
    {"role": "assistant", "parts": [
        {"type": "tool_call",
         "id": "call_1234567890", "name": "search_the_web", "arguments": {"query": "x" * 40, "n": 5}},
    ], "finish_reason": "tool_call"},
]  # fmt: skip
EVENTS = [
    {"time": 1, "name": "gen_ai.user.message", "attributes": {"content": "secret " * 9}},
    {"time": 2, "name": "exception", "attributes": {"exception.message": "kept " * 9}},
]
DOCUMENTS = [{"id": "d1", "content": "z" * 30, "score": 0.25}]


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def columns() -> SpanColumns:
    return replace(
        span_columns([llm(1), Span(2), llm(3)]),
        input_messages=pa.array([dumps(MESSAGES), None, "not JSON, and long enough"]),
        output_messages=pa.array(["[]", None, dumps(MESSAGES)]),
        retrieval_query=pa.array([None, "q" * 30, "short"]),
        retrieval_documents=pa.array([None, dumps(DOCUMENTS), None]),
        events=pa.array([dumps(EVENTS), None, dumps(EVENTS[1:])]),
    )


def logs() -> LogColumns:
    none = log_columns([1], ["a"])
    one, ids = np.zeros(1, np.int32), np.ones(1, np.uint64)
    texts = TextColumns(
        one, ids.repeat(2).reshape(1, 2), ids, np.ones(1, np.int64), words(["input"]), one,
        pa.array([dumps(MESSAGES)]), words(["e"]),
    )  # fmt: skip
    return replace(none, texts=texts, scores=replace(none.scores, explanation=pa.array(["because " * 9])))


def test_full_keeps_everything() -> None:
    given_columns, given_logs = columns(), logs()
    assert ContentPolicy.parse("full").spans(given_columns) is given_columns
    assert ContentPolicy.parse("full").logs(given_logs) is given_logs


def test_cut_texts_say_how_much_is_missing_and_keep_their_shape() -> None:
    cut = ContentPolicy.parse("truncate 10").spans(columns())
    user, assistant = orjson.loads(cut.input_messages[0].as_py())
    assert user["parts"][0] == {"type": "text", "content": "é" * 10 + "…[+40]"}
    assert user["parts"][1] == {"type": "text", "content": "short"}
    call = assistant["parts"][0]
    assert (call["id"], call["name"], assistant["finish_reason"]) == ("call_1234567890", "search_the_web", "tool_call")
    assert call["arguments"] == {"query": "x" * 10 + "…[+30]", "n": 5}
    assert cut.input_messages.to_pylist()[1:] == [None, '"not JSON, …[+15]"']
    assert cut.output_messages[0].as_py() == "[]"
    assert cut.retrieval_query.to_pylist() == [None, "q" * 10 + "…[+20]", "short"]
    assert orjson.loads(cut.retrieval_documents[1].as_py()) == [
        {"id": "d1", "content": "z" * 10 + "…[+20]", "score": 0.25}
    ]
    secret, kept = orjson.loads(cut.events[0].as_py())
    assert secret["attributes"]["content"] == "secret sec…[+53]"
    assert kept == EVENTS[1]


def test_none_keeps_no_text_but_what_is_not_content() -> None:
    left = ContentPolicy.parse("none").spans(columns())
    for name in ("input_messages", "output_messages", "retrieval_query", "retrieval_documents"):
        assert getattr(left, name).to_pylist() == [None] * 3
    first = orjson.loads(left.events[0].as_py())
    assert first == [{**EVENTS[0], "attributes": {}}, EVENTS[1]]
    assert left.events.to_pylist()[1:] == [None, dumps(EVENTS[1:])]


def test_logs_follow_the_policy() -> None:
    cut = ContentPolicy.parse("truncate 10").logs(logs())
    assert "é" * 11 not in cut.texts.messages[0].as_py()
    assert cut.scores.explanation.to_pylist() == ["because be…[+62]"]
    left = ContentPolicy.parse("none").logs(logs())
    assert len(left.texts.messages) == len(left.texts.record) == 0
    assert left.scores.explanation.to_pylist() == [None]


@pytest.mark.parametrize("policy", ["", "truncate", "truncate 0", "truncate -5", "truncate x", "some"])
def test_another_policy_is_refused(policy: str) -> None:
    with pytest.raises(ValueError, match="content policy"):
        ContentPolicy.parse(policy)


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=40)
trees = st.recursive(
    scalars, lambda sub: st.lists(sub, max_size=4) | st.dictionaries(st.text(max_size=9), sub, max_size=4)
)


@given(trees, st.integers(1, 30))
def test_no_string_stays_longer_than_the_limit_and_nothing_else_changes(tree: Any, limit: int) -> None:
    made = replace(span_columns([llm(1)]), input_messages=pa.array([dumps(tree)]))
    cut = orjson.loads(ContentPolicy(limit).spans(made).input_messages[0].as_py())
    assert cut == shortened(tree, limit)


def shortened(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else f"{value[:limit]}…[+{len(value) - limit}]"
    if isinstance(value, list):
        return [shortened(item, limit) for item in value]
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        for name, item in value.items():
            key, number = shortened(name, limit), 2
            while key in out:
                key, number = f"{shortened(name, limit)}#{number}", number + 1
            out[key] = shortened(item, limit)
        return out
    return value


MAP = pa.map_(pa.string(), pa.string())
WORDS = "a_tool-1"
LONG = "the patient John Smith, born in 1970"


def cut_messages(parts: list[Any]) -> Any:
    made = replace(span_columns([llm(1)]), output_messages=pa.array([dumps([{"role": "assistant", "parts": parts}])]))
    (message,) = orjson.loads(ContentPolicy(3).spans(made).output_messages[0].as_py())
    assert message["role"] == "assistant"
    return message["parts"]


def test_words_of_the_conventions_stay_in_messages_and_parts_alone() -> None:
    free = {"name": WORDS, "id": WORDS, "type": WORDS, "role": WORDS, "time": WORDS, WORDS: 1}
    cut = {"name": "a_t…[+5]", "id": "a_t…[+5]", "type": "a_t…[+5]", "role": "a_t…[+5]", "time": "a_t…[+5]"}
    cut_free = {shortened(key, 3): value for key, value in {**cut, WORDS: 1}.items()}
    call = {"type": "tool_call", "id": WORDS, "name": WORDS, "arguments": free}
    text = {"type": "text", "content": "abc", "name": WORDS}
    answer = {"type": "tool_call_response", "id": WORDS, "response": [free]}
    assert cut_messages([call, text, answer, WORDS]) == [
        {**call, "arguments": cut_free},
        {"type": "text", "content": "abc", "nam…[+1]": "a_t…[+5]"},
        {**answer, "response": [cut_free]},
        "a_t…[+5]",
    ]


@pytest.mark.parametrize("key", ["type", "id", "name", "arguments", "response"])
def test_more_than_a_word_is_cut_wherever_it_stands(key: str) -> None:
    ((part),) = cut_messages([{"type": "tool_call", key: LONG}])
    assert part[key] == f"the…[+{len(LONG) - 3}]"


def test_documents_keep_their_ids_and_no_more() -> None:
    given = [{"id": "doc-1", "content": "abcd", "score": 1, "metadata": {"name": WORDS}}, {"id": LONG}]
    made = replace(span_columns([llm(1)]), retrieval_documents=pa.array([dumps(given)]))
    assert orjson.loads(ContentPolicy(3).spans(made).retrieval_documents[0].as_py()) == [
        {"id": "doc-1", "content": "abc…[+1]", "score": 1, "metadata": {"nam…[+1]": "a_t…[+5]"}},
        {"id": f"the…[+{len(LONG) - 3}]"},
    ]


def test_json_nested_deeper_than_is_read_is_left_out() -> None:
    deep = "[" * 900 + f'"{LONG}"' + "]" * 900
    for key in ("gen_ai.input.messages", "payload"):
        text = deep if key != "payload" else f'{{"gen_ai.prompt":1,"x":{deep}}}'
        made = replace(
            span_columns([llm(1)]), input_messages=pa.array([deep]), attributes=pa.array([[(key, text)]], MAP)
        )
        for limit in (0, 3):
            left = ContentPolicy(limit).spans(made)
            assert "John" not in str([left.input_messages, left.attributes])


ATTRIBUTES = [
    [("gen_ai.tool.call.arguments", '{"query": "a long question about a secret"}'), ("gen_ai.tool.name", "search")],
    [],
    [
        ("http.route", "/v1/answers/of/some/length"),
        ("tool.parameters", "another long secret"),
        ("tool.name", "look_up"),
    ],
]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "none",
            [
                [("gen_ai.tool.name", "search")],
                [],
                [("http.route", "/v1/answers/of/some/length"), ("tool.name", "look_up")],
            ],
        ),
        (
            "truncate 6",
            [
                [("gen_ai.tool.call.arguments", '{"query":"a long…[+24]"}'), ("gen_ai.tool.name", "search")],
                [],
                [
                    ("http.route", "/v1/answers/of/some/length"),
                    ("tool.parameters", "anothe…[+13]"),
                    ("tool.name", "look_up"),
                ],
            ],
        ),
        ("full", ATTRIBUTES),
    ],
)
def test_attributes_that_hold_contents_follow_the_policy(policy: str, expected: list[list[tuple[str, str]]]) -> None:
    kind = pa.map_(pa.string(), pa.string())
    given_columns = replace(columns(), attributes=pa.array(ATTRIBUTES, kind))
    kept = ContentPolicy.parse(policy).spans(given_columns).attributes
    assert kept.to_pylist() == expected
    assert kept.type == kind


SECRET = "what nobody is to read"
CONTENT_KEYS = [
    "pydantic_ai.all_messages", "model_request_parameters", "logfire.msg", "logfire.msg_template",
    "llm.openai.messages", "llm.anthropic.system", "llm.None.input", "llm.vertex_ai-beta.choices",
    "gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.data",
    "gen_ai.tool.input", "gen_ai.tool.output", "gen_ai.memory.query.text", "gen_ai.embeddings.input",
    "gen_ai.evaluation.explanation", "gen_ai.user.message", "gen_ai.request.messages", "gen_ai.agent.description",
    "mcp.request.argument.name", "traceloop.prompt.template_variables", "traceloop.prompt.template_variables.name",
    "llm.invocation_parameters", "mlflow.traceInputs", "mlflow.traceOutputs", "mlflow.chunk.value", "lk.user_input",
    "lk.response.text", "user_prompt", "crewai.task.description", "ai.settings.output", "llm.content.completion.chunk",
]  # fmt: skip
OTHER_KEYS = [
    "gen_ai.agent.name", "gen_ai.memory.store.id", "llm.openai.id", "llm.openai.usage", "llm.is_streaming",
    "logfire.span_type", "lk.agent_name", "http.route", "user_prompt_length",
    "gen_ai.tool.call.id", "traceloop.prompt.template_name", "exception.message",
]  # fmt: skip


def told(key: str) -> SpanColumns:
    """Return three spans of which the second tells the secret in an attribute and in one of an event."""
    events = [{"time": 1, "name": "step", "attributes": {key: SECRET, "n": 1}}]
    return replace(
        columns(), events=pa.array([None, dumps(events), None]), attributes=pa.array([[], [(key, SECRET)], []], MAP)
    )


@pytest.mark.parametrize("key", CONTENT_KEYS)
def test_names_of_contents_are_known_in_spans_and_in_all_events(key: str) -> None:
    left = ContentPolicy.parse("none").spans(told(key))
    assert left.attributes.to_pylist() == [[], [], []]
    assert orjson.loads(left.events[1].as_py()) == [{"time": 1, "name": "step", "attributes": {"n": 1}}]
    cut = ContentPolicy.parse("truncate 4").spans(told(key))
    assert cut.attributes.to_pylist()[1] == [(key, "what…[+18]")]
    assert orjson.loads(cut.events[1].as_py())[0]["attributes"] == {key: "what…[+18]", "n": 1}


@pytest.mark.parametrize("key", OTHER_KEYS)
def test_other_names_stay(key: str) -> None:
    for policy in ("none", "truncate 4"):
        left = ContentPolicy.parse(policy).spans(told(key))
        assert left.attributes.to_pylist()[1] == [(key, SECRET)]
        assert left.events.to_pylist() == told(key).events.to_pylist()


@pytest.mark.parametrize("name", ["gen_ai.choice", "mlflow.chunk.item.0", "llm.content.completion.chunk"])
def test_events_of_contents_lose_all_attributes(name: str) -> None:
    events = pa.array([None, dumps([{"time": 1, "name": name, "attributes": {"any": SECRET}}]), None])
    left = ContentPolicy.parse("none").spans(replace(columns(), events=events))
    assert orjson.loads(left.events[1].as_py()) == [{"time": 1, "name": name, "attributes": {}}]
    cut = ContentPolicy.parse("truncate 4").spans(replace(columns(), events=events))
    assert orjson.loads(cut.events[1].as_py())[0]["attributes"] == {"any": "what…[+18]"}


def test_attributes_of_scores_follow_the_policy() -> None:
    given_logs = logs()
    pairs = [("gen_ai.evaluation.explanation", SECRET), ("gen_ai.input.messages", SECRET), ("team", "core")]
    given_logs.scores.attributes = pa.array([pairs], MAP)
    assert ContentPolicy.parse("none").logs(given_logs).scores.attributes.to_pylist() == [[("team", "core")]]
    cut = ContentPolicy.parse("truncate 4").logs(given_logs).scores.attributes.to_pylist()
    assert cut == [[*((key, "what…[+18]") for key, _ in pairs[:2]), ("team", "core")]]
    assert ContentPolicy.parse("full").logs(given_logs).scores.attributes.to_pylist() == [pairs]
