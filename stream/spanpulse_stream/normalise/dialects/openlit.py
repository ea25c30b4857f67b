"""OpenLIT: the conventions, but Anthropic's input without cached tokens and guesses where a stream has no usage."""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

_FRAMEWORKS = ("ag2", "agno", "crewai", "haystack", "langchain", "langgraph", "llamaindex", "mem0", "openai_agents")

DIALECT = Dialect(
    name="openlit",
    scopes={
        "openlit": INSTRUMENTOR,
        **{f"openlit.instrumentation.{name}": FRAMEWORK for name in _FRAMEWORKS},
    },
    attributes={
        Slot.FIRST_TOKEN_S: ("gen_ai.server.time_to_first_token", "gen_ai.server.ttft"),
        Slot.USER_ID: ("gen_ai.request.user",),
        Slot.PROMPT_NAME: ("prompt.name",),
        Slot.PROMPT_VERSION: ("prompt.version",),
    },
    private=frozenset({"gen_ai.request.user", "prompt.name", "prompt.version"}),
    operations={"vectordb": "retrieval", "framework": "invoke_workflow", "agent": "invoke_agent"},
    exclusive_scopes=("openlit.instrumentation.anthropic",),
    counts_streams_itself=True,
)
