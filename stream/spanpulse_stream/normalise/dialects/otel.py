"""OpenTelemetry's GenAI conventions, current and older names: what an emitter without a table is read with.

Also the attributes that spanpulse itself defines.
"""

from spanpulse_stream.normalise._slots import Family, Slot
from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="otel",
    scopes={"": INSTRUMENTOR},
    attributes={
        Slot.OPERATION: ("gen_ai.operation.name",),
        Slot.PROVIDER: ("gen_ai.provider.name", "gen_ai.system"),
        Slot.REQUEST_MODEL: ("gen_ai.request.model",),
        Slot.RESPONSE_MODEL: ("gen_ai.response.model",),
        Slot.RESPONSE_ID: ("gen_ai.response.id",),
        Slot.SERVICE_TIER: (
            "openai.response.service_tier",
            "gen_ai.openai.response.service_tier",
            "gen_ai.response.service_tier",
            "openai.request.service_tier",
            "gen_ai.openai.request.service_tier",
            "gen_ai.request.service_tier",
        ),
        Slot.FINISH_REASONS: ("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"),
        Slot.ERROR_TYPE: ("error.type", "exception.type"),
        Slot.STREAM: ("gen_ai.request.stream", "gen_ai.request.is_stream"),
        Slot.INPUT_TOKENS: ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        Slot.OUTPUT_TOKENS: ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        Slot.TOTAL_TOKENS: ("gen_ai.usage.total_tokens",),
        Slot.CACHE_READ_TOKENS: (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cached_tokens",
            "gen_ai.usage.input_tokens_details.cached_tokens",
            "gen_ai.usage.details.cache_read_tokens",
        ),
        Slot.CACHE_WRITE_TOKENS: (
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ),
        Slot.CACHE_WRITE_1H_TOKENS: ("gen_ai.usage.cache_write_1h.input_tokens",),
        Slot.REASONING_TOKENS: (
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.output_tokens_details.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
        Slot.INPUT_AUDIO_TOKENS: ("gen_ai.usage.audio.input_tokens", "gen_ai.usage.input_audio_tokens"),
        Slot.OUTPUT_AUDIO_TOKENS: ("gen_ai.usage.audio.output_tokens", "gen_ai.usage.output_audio_tokens"),
        Slot.FIRST_TOKEN_S: (
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.server.time_to_first_token",
            "gen_ai.response.time_to_first_token",
        ),
        Slot.USER_ID: ("user.id", "enduser.id", "gen_ai.user.id"),
        Slot.SESSION_ID: ("session.id", "gen_ai.conversation.id"),
        Slot.PROMPT_NAME: ("gen_ai.prompt.name",),
        Slot.PROMPT_VERSION: ("spanpulse.prompt.version", "gen_ai.prompt.version"),
        Slot.ENVIRONMENT: ("deployment.environment.name", "deployment.environment"),
        Slot.WEIGHT: ("spanpulse.weight",),
        Slot.INPUT_MESSAGES: ("gen_ai.input.messages",),
        Slot.OUTPUT_MESSAGES: ("gen_ai.output.messages",),
        Slot.INPUT: ("gen_ai.prompt",),
        Slot.OUTPUT: ("gen_ai.completion",),
        Slot.SYSTEM_INSTRUCTIONS: ("gen_ai.system_instructions", "gen_ai.system.instructions"),
        Slot.RETRIEVAL_QUERY: ("gen_ai.retrieval.query.text", "gen_ai.retrieval.query"),
        Slot.RETRIEVAL_DOCUMENTS: ("gen_ai.retrieval.documents",),
    },
    families={
        "spanpulse.experiment.": Family.EXPERIMENT,
        "spanpulse.tag.": Family.TAG,
    },
    operations={
        "chat": "chat",
        "generate_content": "generate_content",
        "text_completion": "text_completion",
        "embeddings": "embeddings",
        "retrieval": "retrieval",
        "execute_tool": "execute_tool",
        "create_agent": "create_agent",
        "invoke_agent": "invoke_agent",
        "invoke_workflow": "invoke_workflow",
        "plan": "plan",
        # words that emitters use for the same
        "completion": "text_completion",
        "embedding": "embeddings",
        "response": "chat",
        "responses": "chat",
        "message": "chat",
        "messages": "chat",
        "generation": "chat",
    },
)
