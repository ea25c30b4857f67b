"""Langfuse's own SDKs: usage and parameters as JSON, texts in quotes, the moment of the first token as a time."""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

_OBSERVATION = "langfuse.observation."

DIALECT = Dialect(
    name="langfuse",
    scopes={"langfuse": INSTRUMENTOR, "langfuse-sdk": INSTRUMENTOR},
    attributes={
        Slot.OPERATION: (_OBSERVATION + "type",),
        Slot.MODEL: (_OBSERVATION + "model.name",),
        Slot.PARAMETERS: (_OBSERVATION + "model.parameters",),
        Slot.USAGE: (_OBSERVATION + "usage_details",),
        Slot.COST_DETAILS: (_OBSERVATION + "cost_details",),
        Slot.FIRST_TOKEN_TIME: (_OBSERVATION + "completion_start_time",),
        Slot.FINISH_REASONS: (_OBSERVATION + "metadata.finish_reason", _OBSERVATION + "metadata.status"),
        Slot.RESPONSE_ID: (_OBSERVATION + "metadata.id",),
        Slot.SERVICE_TIER: (_OBSERVATION + "metadata.service_tier",),
        Slot.USER_ID: ("user.id", "langfuse.user.id"),
        Slot.SESSION_ID: ("session.id", "langfuse.session.id"),
        Slot.PROMPT_NAME: (_OBSERVATION + "prompt.name",),
        Slot.PROMPT_VERSION: (_OBSERVATION + "prompt.version",),
        Slot.ENVIRONMENT: ("langfuse.environment",),
        Slot.INPUT: (_OBSERVATION + "input",),
        Slot.OUTPUT: (_OBSERVATION + "output",),
    },
    operations={
        "generation": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "chain": "invoke_workflow",
        "span": "",
        "event": "",
    },
    providers={"OpenAI-": "openai"},
)
