"""Nothing that stands under a content key, at any depth, is stored under `none`, its start under `truncate`.

From the bytes of an export to the rows of each table and the dead letters.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from logevents import normalise, pairs, record, request, scored
from normalising import RECEIVED_MS, normalised
from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.normalise._logs_keys import SLOT_KEYS, LogSlot
from spanpulse_stream.normalise._slots import CONTENT, Family, Slot
from spanpulse_stream.normalise.dialects import DIALECTS
from spanpulse_stream.pipeline._compute import _letter
from spanpulse_stream.rows import ContentPolicy, score_batch, span_batch, text_batch
from spanpulse_stream.usage import PartitionState, attribute_usage

SAID = "qzxjvw, the patient John Smith"
NOW = RECEIVED_MS * 10**6
LOG_SLOTS = (
    *(LogSlot.INPUT_MESSAGES, LogSlot.OUTPUT_MESSAGES, LogSlot.SYSTEM_INSTRUCTIONS),
    *(LogSlot.EVENT_CONTENT, LogSlot.EXPLANATION),
)
CONTENT_KEYS = sorted(
    {
        k
        for d in DIALECTS
        for slot in (*CONTENT, Slot.RETRIEVAL_QUERY, Slot.METADATA, Slot.PARAMETERS)
        for k in d.attributes.get(slot, ())
    }
    | {k for slot in LOG_SLOTS for k in SLOT_KEYS[slot]}
)
FAMILIES = sorted({p for d in DIALECTS for p, f in d.families.items() if f not in (Family.EXPERIMENT, Family.TAG)})
SCOPES = sorted({scope for d in DIALECTS for scope in d.scopes})
KEYS = st.one_of(
    st.sampled_from(CONTENT_KEYS),
    st.builds(
        "".join, st.tuples(st.sampled_from(FAMILIES), st.sampled_from(["0.content", "0.tool_calls.0.name", "0"]))
    ),
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(
                ["gen_ai.", "llm.", "llm.openai.", "ai.", "langfuse.", "mlflow.", "tool.", "lk.", "metadata."]
            ),
            st.text("abc_.", min_size=1, max_size=6),
        ),
    ),
)
NAMES = st.sampled_from([
    *("name", "id", "type", "role", "time", "content", "parts", "text", "arguments", "response", "metadata", "input"),
    *("message", "messages", "tool_calls", "function", "documents", "output", "query", "x", SAID),
])  # fmt: skip
TREES = st.recursive(
    st.just(SAID),
    lambda sub: (
        st.lists(sub, max_size=3)
        | st.dictionaries(NAMES, sub | st.sampled_from(["user", "text", "tool_call"]), max_size=4)
        | sub.map(json.dumps)
    ),
    max_leaves=6,
)
PAIRS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)
OWN = st.recursive(PAIRS, lambda sub: st.dictionaries(st.sampled_from(["payload", "a.b"]), sub | sub.map(json.dumps)))
EVENTS = st.sampled_from(["step", "gen_ai.choice", "gen_ai.user.message", "LLMChatEndEvent", "mlflow.chunk.item.0"])
ATTRIBUTES = st.builds(lambda flat, own: {**own, **flat}, PAIRS, OWN)
OPERATIONS = st.sampled_from(["chat", "retrieval", "execute_tool", "embeddings", ""])


def leaks(policy: str, stored: list[Any]) -> bool:
    told = SAID[:3] if policy == "none" else SAID[:6]
    return told in str(stored)


def span_rows(policy: ContentPolicy, body: bytes) -> list[Any]:
    """Return the rows of spans and the dead letters."""
    got = normalised([body])
    columns = policy.spans(got.columns)
    attribution = attribute_usage(columns, PartitionState(100))
    columns.counted, columns.dropped = attribution.counted, attribution.dropped
    columns.cost, columns.cost_confidence = Numbers.absent(columns.size), Words.absent(columns.size)
    batch = span_batch(columns)
    batch.validate(full=True)
    return [*batch.to_pylist(), *(_letter(each, policy) for each in got.rejected)]


SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("policy", ["none", "truncate 5"])
@SETTINGS
@given(st.sampled_from(SCOPES), ATTRIBUTES, OPERATIONS, EVENTS, PAIRS | OWN, PAIRS | OWN, PAIRS)
def test_spans_events_links_and_dead_letters_tell_nothing(
    policy: str, scope: str, attributes: Any, operation: str, event: str, told: Any, linked: Any, resource: Any
) -> None:
    given_attributes = pairs({**attributes, "gen_ai.operation.name": operation})
    spans = [
        Span(
            trace_id=trace,
            span_id=b"12345678",
            start_time_unix_nano=NOW,
            end_time_unix_nano=NOW + 5,
            attributes=given_attributes,
            events=[Span.Event(name=event, time_unix_nano=NOW, attributes=pairs(told))],
            links=[Span.Link(trace_id=b"a" * 16, span_id=b"12345678", attributes=pairs(linked))],
        )
        for trace in (b"1" * 16, bytes(16))
    ]
    group = ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)
    sent = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=Resource(attributes=pairs(resource)), scope_spans=[group])]
    )
    stored = span_rows(ContentPolicy.parse(policy), sent.SerializeToString())
    assert len(stored) == 2
    assert not leaks(policy, stored), stored


LOG_EVENTS = st.sampled_from([
    *("gen_ai.user.message", "gen_ai.system.message", "gen_ai.choice", "gen_ai.tool.message", "step"),
    *("gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.evaluation.result"),
])  # fmt: skip


@pytest.mark.parametrize("policy", ["none", "truncate 5"])
@SETTINGS
@given(LOG_EVENTS, TREES | PAIRS, ATTRIBUTES, ATTRIBUTES)
def test_logs_and_scores_tell_nothing(policy: str, event: str, body: Any, attributes: Any, told: Any) -> None:
    scores = [scored(**told), scored(**told, gen_ai__evaluation__name=None)]
    columns, rejected = normalise(request(record(event, body, attributes), *scores, resource=told))
    kept = ContentPolicy.parse(policy)
    columns = kept.logs(columns)
    texts, found = text_batch(columns), score_batch(columns)
    texts.validate(full=True)
    found.validate(full=True)
    assert found.num_rows
    letters = [_letter(each, kept) for each in rejected]
    assert not leaks(policy, [*texts.to_pylist(), *found.to_pylist(), *letters])


@pytest.mark.parametrize("policy", ["none", "truncate 5", "full"])
def test_what_is_looked_for_would_be_found(policy: str) -> None:
    attributes = {"gen_ai.output.messages": SAID, "own": {"gen_ai.prompt": SAID}}
    columns, _ = normalise(request(record("gen_ai.user.message", SAID), scored(gen_ai__new=SAID, **attributes)))
    columns = ContentPolicy.parse(policy).logs(columns)
    stored = [*text_batch(columns).to_pylist(), *score_batch(columns).to_pylist()]
    assert leaks(policy, stored) == (policy == "full")
    assert str(stored).count(SAID) == (4 if policy == "full" else 0)
