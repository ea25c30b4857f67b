"""Anthropic's own SDK, which writes a span of its own for every call: the best source there is."""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import NATIVE, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="anthropic",
    scopes={"com.anthropic.sdk": NATIVE},
    attributes={
        Slot.SERVICE_TIER: ("anthropic.response.service_tier",),
        Slot.FINISH_REASONS: ("gen_ai.response.finish_reasons", "anthropic.message.stop_reason"),
        Slot.CACHE_WRITE_1H_TOKENS: ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    },
)
