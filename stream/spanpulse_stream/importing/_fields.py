"""What a column of a table can be: the fields of a span, under the names of OpenTelemetry's GenAI conventions.

A field has a kind, which says how its values are read, and other names under which tables have it. Any other name
with a dot in it is an attribute of its own.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["FIELDS", "IGNORED", "LENIENT", "Field", "Kind", "by_usual_name", "field_named"]

Kind = Literal[
    "name",
    "trace_id",
    "span_id",
    "time",
    "seconds",
    "integer",
    "number",
    "decimal",
    "boolean",
    "text",
    "any",
    "status",
    "kind",
    "message",
    "error",
]
LENIENT: Final = frozenset(("status", "kind", "boolean"))
"""Kinds of which a value that is none does no harm: a column that is one only by its name is an attribute there."""
IGNORED: Final = "-"
NO_LETTERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: ``unit`` is how many ns one of a duration is; ``resource`` says that it is of the resource."""

    name: str
    kind: Kind = "text"
    usual: tuple[str, ...] = ()
    unit: int = 0
    resource: bool = False


_SPAN: Final = (
    Field("trace_id", "trace_id", ("traceid", "trace")),
    Field("span_id", "span_id", ("spanid", "id", "request_id", "event_id")),
    Field("parent_span_id", "span_id", ("parent_id", "parentspanid", "parent_spanid")),
    Field("name", "name", ("span_name", "operation_name")),
    Field("kind", "kind", ("span_kind",)),
    Field("start_time", "time", ("timestamp", "time", "start", "started_at", "starttime", "created_at", "created")),
    Field("end_time", "time", ("end", "ended_at", "endtime", "finished_at", "completed_at")),
    Field("duration_ns", "seconds", ("latency_ns",), 1),
    Field("duration_us", "seconds", ("latency_us",), 1_000),
    Field("duration_ms", "seconds", ("latency_ms", "duration_milliseconds", "response_time_ms"), 1_000_000),
    Field("duration_s", "seconds", ("latency_s", "duration_seconds", "latency_seconds"), 1_000_000_000),
    Field("status", "status", ("status_code",)),
    Field("status_message", "error", ("error_message", "error")),
    Field("service.name", "text", ("service", "app", "application"), resource=True),
    Field("deployment.environment.name", "text", ("environment", "env", "deployment_environment"), resource=True),
)
_CALL: Final = (
    Field("gen_ai.operation.name", "text", ("operation",)),
    Field("gen_ai.provider.name", "text", ("provider", "gen_ai_system", "vendor")),
    Field("gen_ai.request.model", "text", ("model", "request_model", "model_name")),
    Field("gen_ai.response.model", "text", ("response_model",)),
    Field("gen_ai.response.id", "text", ("response_id", "completion_id")),
    Field("gen_ai.request.temperature", "number", ("temperature",)),
    Field("gen_ai.request.max_tokens", "integer", ("max_tokens",)),
    Field("gen_ai.request.stream", "boolean", ("stream", "streaming")),
    Field("gen_ai.response.time_to_first_chunk", "number", ("time_to_first_token_s", "ttft_s")),
    Field(
        "gen_ai.usage.input_tokens",
        "integer",
        ("input_tokens", "prompt_tokens", "context_tokens", "contexttokens", "tokens_in", "num_prefill_tokens"),
    ),
    Field(
        "gen_ai.usage.output_tokens",
        "integer",
        ("output_tokens", "completion_tokens", "generated_tokens", "generatedtokens", "tokens_out"),
    ),
    Field(
        "gen_ai.usage.cache_read.input_tokens",
        "integer",
        ("cache_read_tokens", "cached_tokens", "cache_read_input_tokens"),
    ),
    Field("gen_ai.usage.cache_creation.input_tokens", "integer", ("cache_write_tokens", "cache_creation_input_tokens")),
    Field("gen_ai.usage.reasoning.output_tokens", "integer", ("reasoning_tokens",)),
    Field("gen_ai.usage.cost", "decimal", ("cost", "total_cost", "cost_usd", "price_usd")),
    Field("gen_ai.conversation.id", "text", ("conversation_id", "conversation", "thread_id")),
    Field("session.id", "text", ("session_id", "session")),
    Field("user.id", "text", ("user_id", "user", "userid", "customer_id")),
    Field("gen_ai.prompt.name", "text", ("prompt_name", "prompt_template")),
    Field("spanpulse.prompt.version", "text", ("prompt_version",)),
    Field("gen_ai.tool.name", "text", ("tool_name", "tool")),
    Field("gen_ai.agent.name", "text", ("agent_name", "agent")),
    Field("error.type", "text", ("error_type",)),
    Field("gen_ai.input.messages", "message", ("input_messages", "messages", "prompt", "input", "question")),
    Field("gen_ai.output.messages", "message", ("output_messages", "completion", "output", "answer", "response")),
)
FIELDS: Final = {field.name: field for field in (*_SPAN, *_CALL)}


def _usual(name: str) -> str:
    return NO_LETTERS.sub("_", name.strip().lower()).strip("_")


_BY_USUAL_NAME: Final = {_usual(name): field for field in FIELDS.values() for name in (*field.usual, field.name)}


def by_usual_name(column: str) -> Field | None:
    """Return the field that a column of this name usually is; None for a name that says nothing."""
    return _BY_USUAL_NAME.get(_usual(column))


def field_named(name: str) -> Field | None:
    """Return the field that a mapping names; None where there is none of that name."""
    return FIELDS.get(name) or (Field(name, "any") if "." in name.strip(".") else None)
