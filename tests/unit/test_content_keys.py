"""Which names of attributes mean contents: those of every dialect, and whatever else is in an emitter's namespace."""

from dataclasses import replace

import orjson
import pyarrow as pa
import pytest

from builders import llm, span_columns
from spanpulse_stream.columns import Words
from spanpulse_stream.normalise._logs_keys import SLOT_KEYS, LogSlot
from spanpulse_stream.normalise._slots import CONTENT, Family, Slot
from spanpulse_stream.normalise.dialects import DIALECTS
from spanpulse_stream.rows import ContentPolicy
from spanpulse_stream.rows._content_keys import Kind, kind_of, kinds_of

CONTENT_SLOTS = {*CONTENT, Slot.RETRIEVAL_QUERY, Slot.PARAMETERS, Slot.METADATA}
LOG_CONTENT_SLOTS = {
    *(LogSlot.INPUT_MESSAGES, LogSlot.OUTPUT_MESSAGES, LogSlot.SYSTEM_INSTRUCTIONS),
    *(LogSlot.EVENT_CONTENT, LogSlot.EXPLANATION),
}
SAID = "what nobody is to read"
MAP = pa.map_(pa.string(), pa.string())


def keys_of(content: bool) -> list[str]:
    """Return the keys of all dialects that fill a column of content, or the others."""
    found = {k for d in DIALECTS for slot, ks in d.attributes.items() for k in ks if (slot in CONTENT_SLOTS) == content}
    return sorted(
        found.union(k for slot, ks in SLOT_KEYS.items() for k in ks if (slot in LOG_CONTENT_SLOTS) == content)
    )


def left(key: str, value: str, policy: str = "none") -> list[tuple[str, str]]:
    made = replace(span_columns([llm(1)]), attributes=pa.array([[("own", "stays"), (key, value)]], MAP))
    pairs = ContentPolicy.parse(policy).spans(made).attributes.to_pylist()[0]
    assert pairs[0] == ("own", "stays")
    return list(pairs[1:])


@pytest.mark.parametrize("key", keys_of(content=True))
def test_what_a_dialect_reads_as_content_is_content(key: str) -> None:
    assert kind_of(key) in {Kind.CONTENT, Kind.UNKNOWN}
    assert left(key, SAID) == []
    assert left(key, SAID, "truncate 4") == [(key, "what…[+18]")]


@pytest.mark.parametrize("key", keys_of(content=False))
def test_what_fills_another_column_stays_in_any_form(key: str) -> None:
    number = "12" if kind_of(key) == Kind.UNKNOWN else "a_name/of-1"
    assert left(key, number) == [(key, number)]


@pytest.mark.parametrize(
    "prefix",
    sorted({p for d in DIALECTS for p, family in d.families.items() if family not in (Family.EXPERIMENT, Family.TAG)}),
)
def test_flattened_contents_are_content_and_their_names_only_as_words(prefix: str) -> None:
    for rest in ("0.content", "0.message.contents.1.text", "0.tool_calls.0.arguments", "0.tool_calls.0.name"):
        assert left(prefix + rest, SAID) == []
        assert left(prefix + rest, SAID, "truncate 4") == [(prefix + rest, "what…[+18]")]
    assert left(prefix + "0.tool_calls.0.name", "search") == [(prefix + "0.tool_calls.0.name", "search")]


CONTENT_KEYS = [
    "llm.vertex_ai.contents",
    "llm.gemini.candidates",
    "llm.openai.instructions",
    "llm.openai.prompt",
    "llm.gemini.system_instruction",
    "llm.anthropic.thinking",
    "llm.choices.0.completion.text",
    "gen_ai.response.text",
    "gen_ai.system_prompt",
    "gen_ai.tool.result",
    "gen_ai.tool.args",
    "gen_ai.agent.goal",
    "gen_ai.reasoning",
    "gen_ai.event.content",
    "gen_ai.evaluation.reasoning",
    "gen_ai.input.messages.raw",
    "gen_ai.request.stop_sequences",
    "metadata",
    "metadata.question",
    "langfuse.observation.metadata.question",
    "langfuse.observation.metadata",
    "langfuse.trace.metadata.name",
    "langfuse.observation.model.parameters",
    "traceloop.prompt.template",
    "traceloop.association.properties.note",
    "ai.telemetry.metadata.question",
    "ai.stream.text",
    "mlflow.trace.request_preview",
    "lk_prompt",
    "lk.thoughts",
    "logfire.json_schema",
    "pydantic_ai.new",
    "gcp.gen_ai.operation.config.system_instruction",
    "genkit:input",
    "crew_tasks",
    "opik.input",
    "gcp.vertex.agent.new",
    "tool.new",
    "embedding.text",
    "reranker.query",
    "GEN_AI.new",
]
NUMBERS = ["12", "-0.5", "1e-05", "true", "false", "1.5149999999999999e-05"]


@pytest.mark.parametrize("key", CONTENT_KEYS)
def test_what_is_unknown_in_an_emitters_namespace_is_content(key: str) -> None:
    assert left(key, SAID) == []
    assert left(key, '{"name": "John Smith"}') == []


@pytest.mark.parametrize("key", ["gen_ai.usage.new_tokens", "llm.openai.seed", "ai.settings.topP", "mlflow.new"])
def test_unknown_numbers_stay(key: str) -> None:
    for number in NUMBERS:
        assert left(key, number) == [(key, number)]


@pytest.mark.parametrize(
    "key", ["http.route", "http.request.body", "db.system", "service.name", "note", "generic.prompt", "aircraft.kind"]
)
def test_other_namespaces_stay(key: str) -> None:
    for policy in ("none", "truncate 4"):
        assert left(key, SAID, policy) == [(key, SAID)]
        assert left(key, f'{{"note": "{SAID}"}}', policy) == [(key, f'{{"note": "{SAID}"}}')]


NESTED = [
    '{"gen_ai.input.messages": "SAID", "n": 1}', '{"a": [{"input.value": ["SAID"]}], "n": 1}',
    '{"gen_ai": {"prompt": {"x": "SAID"}}, "n": 1}', r'{"gen\u005fai.prompt": "SAID", "n": 1}',
    r'{"a": "{\"gen_ai.prompt\": \"SAID\"}", "n": 1}', '[{"llm.openai.messages": {"SAID": 1}}, {"n": 1}]',
]  # fmt: skip


@pytest.mark.parametrize("text", NESTED)
def test_maps_lose_what_their_keys_say_is_content(text: str) -> None:
    text = text.replace("SAID", SAID)
    ((_, none),) = left("payload", text)
    assert SAID[:3] not in none
    assert '"n":1' in none
    ((_, cut),) = left("payload", text, "truncate 4")
    assert SAID[:5] not in cut
    assert SAID[:4] in cut


def test_what_mentions_contents_and_is_no_json_goes_whole() -> None:
    assert left("payload", f"{{'gen_ai.prompt': '{SAID}'}}") == []
    assert left("payload", f"{{'gen_ai.prompt': '{SAID}'}}", "truncate 4") == [("payload", "{'ge…[+39]")]


@pytest.mark.parametrize("column", ["events", "links"])
def test_events_and_links_follow_at_every_depth(column: str) -> None:
    given = {"name": "x", "attributes": {"payload": {"input.value": SAID}, "input.value": SAID, "n": 1}}
    made = replace(span_columns([llm(1)]), **{column: pa.array([orjson.dumps([given]).decode()])})
    (none,) = orjson.loads(getattr(ContentPolicy.parse("none").spans(made), column)[0].as_py())
    assert none == {"name": "x", "attributes": {"payload": {}, "n": 1}}
    (cut,) = orjson.loads(getattr(ContentPolicy.parse("truncate 4").spans(made), column)[0].as_py())
    assert cut["attributes"] == {"payload": {"input.value": "what…[+18]"}, "input.value": "what…[+18]", "n": 1}


def test_resources_follow() -> None:
    made = replace(span_columns([llm(1)]), resource=Words.constant(1, f'{{"gen_ai.prompt":"{SAID}","host.name":"h"}}'))
    assert ContentPolicy.parse("none").spans(made).resource.tolist() == ['{"host.name":"h"}']
    assert ContentPolicy.parse("full").spans(made).resource is made.resource


def test_kinds_of_many_are_those_of_each() -> None:
    keys = ["gen_ai.prompt", "x", "gen_ai.new", "gen_ai.foo.id", "x"]
    assert kinds_of(pa.array(keys)).tolist() == [kind_of(key) for key in keys] == [1, 0, 2, 3, 0]
    assert kinds_of(pa.array([], pa.string())).tolist() == []
