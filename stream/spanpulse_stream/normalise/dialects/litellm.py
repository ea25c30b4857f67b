"""LiteLLM's callback `otel`: older conventions, and the whole usage as a Python dictionary in a text.

Ids of responses are the provider's for OpenAI alone, else LiteLLM's own; a stream has the request's model for the
response's, and zeros where the provider sent no usage.
"""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="litellm",
    scopes={"litellm": FRAMEWORK},
    attributes={
        Slot.USAGE: ("metadata.usage_object",),
        Slot.STREAM: ("gen_ai.request.stream", "llm.is_streaming"),
        Slot.USER_ID: (
            "llm.user",
            "metadata.user_api_key_end_user_id",
            "metadata.user_api_key_user_id",
        ),
    },
    private=frozenset({"metadata.usage_object"}),
)
