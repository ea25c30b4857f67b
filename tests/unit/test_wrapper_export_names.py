"""Which names the wrapper takes for contents: all that the stream knows as such, and none of those it joins by."""

import pytest

from spanpulse._export._names import Kind, is_content_event, is_plain, kind_of
from spanpulse_stream.normalise._logs_keys import SLOT_KEYS, LogSlot
from spanpulse_stream.normalise._slots import CONTENT, Slot
from spanpulse_stream.normalise.dialects import DIALECTS
from spanpulse_stream.rows import _content_keys as stream

CONTENT_SLOTS = {*CONTENT, Slot.RETRIEVAL_QUERY, Slot.PARAMETERS, Slot.METADATA}
LOG_CONTENT_SLOTS = {
    *(LogSlot.INPUT_MESSAGES, LogSlot.OUTPUT_MESSAGES, LogSlot.SYSTEM_INSTRUCTIONS),
    *(LogSlot.EVENT_CONTENT, LogSlot.EXPLANATION),
}
SAID = "what nobody is to read"
NAMED = sorted(
    {
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
        "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "llm.input_messages.0.message.content",
        "llm.output_messages.0.message.content", "input.value", "output.value", "traceloop.entity.input",
        "traceloop.entity.output", "ai.prompt", "ai.prompt.messages", "ai.response.text", "langfuse.observation.input",
        "langfuse.observation.output", "gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args",
        "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.query.text", "db.query.text",
        "metadata", "metadata.question", "langfuse.trace.metadata.name", "traceloop.association.properties.note",
        "llm.openai.messages", "llm.anthropic.thinking", "gen_ai.agent.goal", "gen_ai.evaluation.explanation",
        "gen_ai.agent.description", "tool.new", "opik.input", "lk_prompt", "crew_tasks", "genkit:input", "GEN_AI.new",
        "mlflow.spanInputs", "pydantic_ai.all_messages", "logfire.msg", "prompt", "events", "gen_ai.prompt",
        "ai.telemetry.metadata.question", "langfuse.observation.model.parameters", "mcp.request.argument.name",
    }
)  # fmt: skip


def keys_of(*, content: bool) -> list[str]:
    """Return the keys of all dialects that fill a column of content, or the others."""
    found = {k for d in DIALECTS for slot, ks in d.attributes.items() for k in ks if (slot in CONTENT_SLOTS) == content}
    return sorted(
        found.union(k for slot, ks in SLOT_KEYS.items() for k in ks if (slot in LOG_CONTENT_SLOTS) == content)
    )


def leaves(name: str, text: str) -> bool:
    """Tell whether a text leaves where contents are off."""
    kind = kind_of(name)
    return kind in {Kind.OTHER, Kind.STATED} or (kind is Kind.PLAIN and is_plain(text))


@pytest.mark.parametrize("name", sorted({*keys_of(content=True), *NAMED}))
def test_contents_do_not_leave(name):
    assert not leaves(name, SAID)
    assert not leaves(name, f'{{"name": "{SAID}"}}')


@pytest.mark.parametrize("name", keys_of(content=False))
def test_what_fills_another_column_leaves(name):
    assert leaves(name, "a_name/of-1")


@pytest.mark.parametrize("name", keys_of(content=False))
def test_what_the_pipeline_joins_by_is_not_masked(name):
    if name.endswith((".id", "_id", "Id")) and "metadata" not in name:
        assert kind_of(name) in {Kind.STATED, Kind.PLAIN} or not stream.kind_of(name)


@pytest.mark.parametrize(
    "name", ["user.id", "session.id", "spanpulse.experiment.greeting", "spanpulse.tag.note", "gen_ai.response.id"]
)
def test_what_the_application_states_leaves_as_it_is(name):
    assert kind_of(name) is Kind.STATED


@pytest.mark.parametrize(
    "name", ["http.route", "service.name", "note", "url.full", "aircraft.kind", "exception.message"]
)
def test_other_names_tell_of_no_content(name):
    assert kind_of(name) is Kind.OTHER


@pytest.mark.parametrize("name", ["gen_ai.user.message", "gen_ai.choice", "LLMChatStartEvent", "mlflow.chunk.1"])
def test_events_of_contents_are_known(name):
    assert is_content_event(name)
    assert stream.is_content_event(name)


def test_other_events_are_not():
    assert not is_content_event("exception")
    assert not is_content_event("feature_flag.evaluation")
