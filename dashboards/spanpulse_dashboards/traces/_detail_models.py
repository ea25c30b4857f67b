"""What is shown of one span: messages as a conversation, how its cost came about, attributes, events, links, scores.

Texts are cut to `LONGEST` characters; ``length`` is that of the whole, and ``source`` names it for the text's own
address. Money is USD, exact, written as text.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from spanpulse_dashboards._models import Model, Money

__all__ = [
    "CostExplanation",
    "CostPart",
    "CountedBy",
    "DeadLetter",
    "Link",
    "Message",
    "Part",
    "Score",
    "SpanDetail",
    "SpanEvent",
    "Text",
]


class Text(Model):
    """A text that may have been cut."""

    text: str = Field(description="its beginning, or all of it")
    length: int = Field(description="characters of the whole")
    cut: bool = Field(description="whether text is only the beginning")
    source: str = Field(description="what the address of the whole text is asked for")
    is_json: bool = Field(default=False, description="whether it is JSON")


class Part(Model):
    """A part of a message, as the OTel GenAI message schema has it."""

    type: str = Field(description="text, reasoning, tool_call, tool_call_response, or what the emitter calls it")
    name: str | None = Field(default=None, description="of the tool")
    id: str | None = Field(default=None, description="of the tool call")
    body: Text


class Message(Model):
    """A message of the conversation."""

    role: str = Field(description="system, user, assistant, tool, or what the emitter calls it; empty: not said")
    name: str | None = None
    finish_reason: str | None = None
    parts: list[Part]
    parts_left_out: int = Field(default=0, description="parts beyond the bound, as with messages")


class CostPart(Model):
    """A kind of tokens in the cost."""

    unit: str = Field(description="input, output, cache_read, cache_write, ..., request")
    count: int = Field(description="tokens of this kind, without those that have a line of their own; or requests")
    price: Money = Field(description="USD for `per` of them")
    per: int
    cost: Money = Field(description="count x price / per, USD")


class CostExplanation(Model):
    """How the cost came about. The parts and ``rounding`` add up to ``cost``, which is what was stored."""

    confidence: str | None = Field(description="computed, estimated, provider, missing, unpriced; null: no model call")
    version: str = Field(description="of the price book")
    cost: Money | None = Field(description="USD, as stored")
    parts: list[CostPart] = Field(description="empty: see reason")
    rounding: Money | None = Field(default=None, description="what rounding to 1e-12 USD added")
    above: int = Field(
        default=0, description="the prices are those for inputs of more tokens than this; 0: the base ones"
    )
    tier: str | None = Field(default=None, description="batch, flex, priority")
    reason: str | None = Field(default=None, description="why there are no parts, or what is odd about the counts")


class CountedBy(Model):
    """Which span counts for a call that does not count itself."""

    span_id: str | None = Field(description="null: not found in this trace")
    reason: str = Field(description="in words")


class SpanEvent(Model):
    """An event of the span."""

    time_ns: int | None = Field(description="ns since the epoch")
    name: str
    attributes: dict[str, Text]


class Link(Model):
    """A link to another span."""

    trace_id: str
    span_id: str
    attributes: dict[str, Text]


class Score(Model):
    """A verdict on the span or its trace."""

    name: str
    evaluator: str
    value: float | None
    label: str | None
    explanation: str | None
    time: datetime
    span_id: str | None = Field(description="null: of the trace as a whole")


class DeadLetter(Model):
    """What could not be read of the message that brought the span."""

    ordinal: int = Field(description="index of the record in the message; -1: the message itself")
    reason: str
    detail: str


class SpanDetail(Model):
    """A span in its newest state."""

    tenant: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    place: str = Field(description="where it is stored, `source.offset.ordinal`")
    received_at: datetime
    name: str
    kind: str
    span_kind: str = Field(description="OTel SpanKind: internal, server, client, producer, consumer, unspecified")
    service: str | None
    environment: str | None
    start_ns: int = Field(description="ns since the epoch")
    end_ns: int = Field(description="ns since the epoch")
    duration_ns: int | None
    time_to_first_token_ns: int | None
    status: str
    status_message: str | None
    error_type: str | None
    operation: str | None
    provider: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    stream: bool | None
    finish_reasons: list[str]
    counted: bool
    counted_by: CountedBy | None = Field(default=None, description="of a model call that does not count itself")
    correction: str | None = Field(default=None, description="why it was corrected after it was stored")
    usage_status: str | None
    tokens: dict[str, int] = Field(description="kind -> tokens; input contains the cached, output the reasoning")
    cost: CostExplanation
    user: str | None
    session: str | None
    prompt: str | None
    prompt_version: str | None
    experiments: dict[str, str]
    tags: dict[str, str]
    weight: int = Field(description="1 / sampling ratio")
    input: list[Message]
    output: list[Message]
    late_texts: Literal["", "input", "output", "both"] = Field(
        "", description="messages that came apart, in log events"
    )
    messages_left_out: int = Field(
        default=0, description="messages beyond the bound; the texts `input` and `output` have them all"
    )
    retrieval_query: Text | None
    retrieval_documents: Text | None
    emitter: str
    attributes: dict[str, Text]
    resource: dict[str, Any]
    events: list[SpanEvent]
    events_left_out: int = Field(default=0, description="events beyond the bound; the text `events` has them all")
    links: list[Link]
    anomalies: list[str]
    scores: list[Score]
    dead_letters: list[DeadLetter]
