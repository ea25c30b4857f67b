"""Pydantic AI: OpenTelemetry's conventions, with users in an agent's metadata.

An agent's sums are `gen_ai.aggregated_usage.*`, which fill nothing. Older versions tell what a span is by its name
alone: `agent run`, `running tool`, `running 2 tools`.
"""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="pydantic_ai",
    scopes={"pydantic-ai": FRAMEWORK},
    attributes={
        Slot.STATED_COST: ("operation.cost",),
        Slot.METADATA: ("metadata",),
        Slot.INPUT: ("inputs",),
    },
    span_names={"agent run": "invoke_agent", "running ": "execute_tool"},
    private=frozenset({"metadata", "inputs"}),
)
