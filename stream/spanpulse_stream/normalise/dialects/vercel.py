"""Vercel's AI SDK: an outer span for what the application asked for, an inner one (`do...`) for every model call.

Both carry usage, the outer one the sum of all steps, so the outer one is no model call.
"""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

_METADATA = "ai.telemetry.metadata."

DIALECT = Dialect(
    name="vercel",
    scopes={"ai": INSTRUMENTOR},
    attributes={
        Slot.OPERATION: ("ai.operationId",),
        Slot.PROVIDER: ("gen_ai.system", "ai.model.provider"),
        Slot.REQUEST_MODEL: ("gen_ai.request.model", "ai.model.id"),
        Slot.RESPONSE_MODEL: ("gen_ai.response.model", "ai.response.model"),
        Slot.RESPONSE_ID: ("gen_ai.response.id", "ai.response.id"),
        Slot.FINISH_REASONS: ("gen_ai.response.finish_reasons", "ai.response.finishReason"),
        Slot.INPUT_TOKENS: ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
        Slot.OUTPUT_TOKENS: ("ai.usage.outputTokens", "ai.usage.completionTokens"),
        Slot.TOTAL_TOKENS: ("ai.usage.totalTokens",),
        Slot.CACHE_READ_TOKENS: ("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
        Slot.CACHE_WRITE_TOKENS: ("ai.usage.inputTokenDetails.cacheWriteTokens",),
        Slot.REASONING_TOKENS: ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
        Slot.FIRST_TOKEN_MS: ("ai.response.msToFirstChunk",),
        Slot.USER_ID: (_METADATA + "userId", _METADATA + "user_id"),
        Slot.SESSION_ID: (_METADATA + "sessionId", _METADATA + "session_id", _METADATA + "threadId"),
        Slot.PROMPT_NAME: (_METADATA + "promptName",),
        Slot.PROMPT_VERSION: (_METADATA + "promptVersion",),
        Slot.INPUT: ("ai.prompt.messages", "ai.prompt", "ai.value", "ai.values"),
        Slot.OUTPUT: ("ai.response.text", "ai.response.object"),
        Slot.OUTPUT_TOOL_CALLS: ("ai.response.toolCalls",),
    },
    operations={
        "ai.generatetext": "invoke_workflow",
        "ai.streamtext": "invoke_workflow",
        "ai.generateobject": "invoke_workflow",
        "ai.streamobject": "invoke_workflow",
        "ai.embed": "invoke_workflow",
        "ai.embedmany": "invoke_workflow",
        "ai.generatetext.dogenerate": "chat",
        "ai.streamtext.dostream": "chat",
        "ai.generateobject.dogenerate": "chat",
        "ai.streamobject.dostream": "chat",
        "ai.embed.doembed": "embeddings",
        "ai.embedmany.doembed": "embeddings",
        "ai.toolcall": "execute_tool",
    },
)
