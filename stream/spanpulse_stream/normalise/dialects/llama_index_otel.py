"""LlamaIndex's own OpenTelemetry (llama-index-observability-otel): spans without attributes, all is in their events."""

from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="llama_index_otel",
    scopes={"llamaindex.opentelemetry.tracer": FRAMEWORK},
    attributes={},
    providers={
        "Anthropic.": "anthropic",
        "AzureOpenAI.": "azure.ai.openai",
        "AzureOpenAIEmbedding.": "azure.ai.openai",
        "GoogleGenAI.": "gcp.gemini",
        "MistralAI.": "mistral_ai",
        "OpenAI.": "openai",
        "OpenAIEmbedding.": "openai",
        "OpenAIResponses.": "openai",
    },
    event_calls={
        "LLMChatStartEvent": "chat",
        "LLMCompletionStartEvent": "text_completion",
        "EmbeddingStartEvent": "embeddings",
    },
)
