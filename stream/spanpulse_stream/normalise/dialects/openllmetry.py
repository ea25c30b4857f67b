"""OpenLLMetry (Traceloop): the conventions, with messages flattened over many attributes in older versions."""

from spanpulse_stream.normalise._slots import Family, Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

_PROPERTIES = "traceloop.association.properties."
_FRAMEWORKS = ("agno", "crewai", "haystack", "langchain", "mcp", "openai_agents", "transformers")
_CLIENTS = (
    *("alephalpha", "anthropic", "bedrock", "cohere", "google_generativeai", "groq", "mistralai", "ollama"),
    *("openai", "replicate", "sagemaker", "together", "vertexai", "voyageai", "watsonx", "writer"),
)

DIALECT = Dialect(
    name="openllmetry",
    scopes={
        **{f"opentelemetry.instrumentation.{name}": INSTRUMENTOR for name in _CLIENTS},
        **{f"opentelemetry.instrumentation.{name}": FRAMEWORK for name in _FRAMEWORKS},
        "traceloop": FRAMEWORK,
    },
    attributes={
        Slot.OPERATION: ("gen_ai.operation.name", "llm.request.type", "traceloop.span.kind"),
        Slot.PROVIDER: ("gen_ai.provider.name", "gen_ai.system", "llm.vendor"),
        Slot.REQUEST_MODEL: ("gen_ai.request.model", "llm.request.model"),
        Slot.RESPONSE_MODEL: ("gen_ai.response.model", "llm.response.model"),
        Slot.STREAM: ("gen_ai.is_streaming", "llm.is_streaming"),
        Slot.INPUT_TOKENS: ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
        Slot.OUTPUT_TOKENS: (
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.usage.completion_tokens",
        ),
        Slot.TOTAL_TOKENS: ("llm.usage.total_tokens",),
        Slot.REASONING_TOKENS: ("llm.usage.reasoning_tokens",),
        Slot.FINISH_REASONS: ("llm.response.finish_reason", "llm.response.stop_reason"),
        Slot.USER_ID: (_PROPERTIES + "user_id", _PROPERTIES + "user.id", "gen_ai.user", "llm.user"),
        Slot.SESSION_ID: (
            _PROPERTIES + "session_id",
            _PROPERTIES + "session.id",
            _PROPERTIES + "thread_id",
            _PROPERTIES + "chat_id",
        ),
        Slot.PROMPT_NAME: ("traceloop.prompt.key",),
        Slot.PROMPT_VERSION: ("traceloop.prompt.version",),
        Slot.INPUT: ("traceloop.entity.input", "gen_ai.task.input"),
        Slot.OUTPUT: ("traceloop.entity.output", "gen_ai.task.output"),
    },
    families={
        "gen_ai.prompt.": Family.INPUT,
        "gen_ai.completion.": Family.OUTPUT,
        "llm.prompts.": Family.INPUT,
        "llm.completions.": Family.OUTPUT,
    },
    operations={
        "completion": "text_completion",
        "embedding": "embeddings",
        "rerank": "rerank",
        "vector_db_retrieve": "retrieval",
        "workflow": "invoke_workflow",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "task": "",
        "unknown": "",
    },
)
