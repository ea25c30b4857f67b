"""OpenTelemetry's instrumentation of Google's GenAI SDK: the conventions, with an older name of the provider."""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="google",
    scopes={
        "opentelemetry.instrumentation.google_genai": INSTRUMENTOR,
        "opentelemetry.instrumentation.vertexai": INSTRUMENTOR,
        "gcp.vertex.agent": FRAMEWORK,
    },
    attributes={
        Slot.INPUT: ("gcp.vertex.agent.llm_request",),
        Slot.OUTPUT: ("gcp.vertex.agent.llm_response",),
        Slot.SESSION_ID: ("gcp.vertex.agent.session_id",),
    },
    operations={"call_llm": "generate_content"},
    span_names={"call_llm": "generate_content"},
)
