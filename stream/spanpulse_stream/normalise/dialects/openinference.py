"""OpenInference (Arize): flattened messages, documents and the raw request and response as JSON."""

from spanpulse_stream.normalise._slots import Family, Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, INSTRUMENTOR, Dialect
from spanpulse_stream.normalise.dialects._words import SPAN_KINDS

__all__ = ["DIALECT"]

_FRAMEWORKS = (
    *("agno", "autogen", "autogen_agentchat", "beeai", "crewai", "dspy", "google_adk", "haystack", "instructor"),
    *("langchain", "mcp", "openai_agents", "pydantic_ai", "smolagents", "strands_agents"),
)

DIALECT = Dialect(
    name="openinference",
    scopes={
        "openinference.instrumentation": INSTRUMENTOR,
        "openinference": INSTRUMENTOR,
        **{f"openinference.instrumentation.{name}": FRAMEWORK for name in _FRAMEWORKS},
    },
    attributes={
        Slot.OPERATION: ("openinference.span.kind",),
        Slot.PROVIDER: ("llm.provider", "llm.system"),
        Slot.MODEL: ("llm.model_name", "embedding.model_name"),
        Slot.PARAMETERS: ("llm.invocation_parameters", "embedding.invocation_parameters"),
        Slot.INPUT_TOKENS: ("llm.token_count.prompt",),
        Slot.OUTPUT_TOKENS: ("llm.token_count.completion",),
        Slot.TOTAL_TOKENS: ("llm.token_count.total",),
        Slot.CACHE_READ_TOKENS: (
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        Slot.CACHE_WRITE_TOKENS: ("llm.token_count.prompt_details.cache_write",),
        Slot.INPUT_AUDIO_TOKENS: ("llm.token_count.prompt_details.audio",),
        Slot.OUTPUT_AUDIO_TOKENS: ("llm.token_count.completion_details.audio",),
        Slot.REASONING_TOKENS: ("llm.token_count.completion_details.reasoning",),
        Slot.STATED_COST: ("llm.cost.total",),
        Slot.FINISH_REASONS: ("llm.finish_reason",),
        Slot.PROMPT_NAME: ("llm.prompt_template.name", "prompt.id"),
        Slot.PROMPT_VERSION: ("llm.prompt_template.version",),
        Slot.METADATA: ("metadata",),
        Slot.INPUT: ("input.value",),
        Slot.OUTPUT: ("output.value",),
    },
    families={
        "llm.input_messages.": Family.INPUT,
        "llm.output_messages.": Family.OUTPUT,
        "retrieval.documents.": Family.DOCUMENTS,
        "embedding.embeddings.": Family.EMBEDDINGS,
    },
    private=frozenset({"metadata", "prompt.id"}),
    operations=SPAN_KINDS,
)
