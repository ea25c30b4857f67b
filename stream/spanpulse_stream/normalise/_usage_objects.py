"""Usage objects as providers and emitters write them: each count under its slot, with the parts that belong to it.

Anthropic and Bedrock's Converse leave cached tokens out of the input, Gemini leaves thoughts out of the output; what
they wrote is added up. Nothing raises: a count that is none is returned as it was written.
"""

from typing import Any, Final, TypeGuard

from spanpulse_stream.normalise._slots import Slot

__all__ = ["MOST_TOKENS", "usage_object"]

MOST_TOKENS: Final = 10**9

_Details = tuple[tuple[str, ...], ...]
_NAMES: Final[dict[Slot, _Details]] = {
    Slot.INPUT_TOKENS: (("prompt_tokens",), ("input_tokens",), ("input",), ("promptTokenCount",),
        ("prompt_token_count",), ("inputTokens",)),
    Slot.OUTPUT_TOKENS: (
        ("completion_tokens",), ("output_tokens",), ("output",), ("candidatesTokenCount",),
        ("candidates_token_count",), ("outputTokens",)
    ),
    Slot.TOTAL_TOKENS: (("total_tokens",), ("total",), ("totalTokenCount",), ("total_token_count",), ("totalTokens",)),
    Slot.CACHE_READ_TOKENS: (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("cache_read_input_tokens",),
        ("input_cached_tokens",),
        ("input_cache_read",),
        ("input_token_details", "cache_read"),
        ("cachedContentTokenCount",),
        ("cached_content_token_count",),
        ("cacheReadInputTokens",),
    ),
    Slot.CACHE_WRITE_TOKENS: (
        ("cache_creation_input_tokens",), ("prompt_tokens_details", "cache_write_tokens"), ("input_cache_creation",),
        ("input_token_details", "cache_creation"), ("cacheWriteInputTokens",),
    ),
    Slot.CACHE_WRITE_1H_TOKENS: (
        ("cache_creation", "ephemeral_1h_input_tokens"), ("cache_creation_input_tokens_above_1hr",),
    ),
    Slot.REASONING_TOKENS: (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_reasoning_tokens",),
        ("output_reasoning",),
        ("output_token_details", "reasoning"),
        ("thoughtsTokenCount",),
        ("thoughts_token_count",),
    ),
    Slot.INPUT_AUDIO_TOKENS: (("prompt_tokens_details", "audio_tokens"), ("input_audio_tokens",)),
    Slot.OUTPUT_AUDIO_TOKENS: (("completion_tokens_details", "audio_tokens"), ("output_audio_tokens",)),
}  # fmt: skip
"""Where usage objects, of providers and of emitters, have each count."""

_CACHED: Final = (Slot.CACHE_READ_TOKENS, Slot.CACHE_WRITE_TOKENS)
_ANTHROPIC_CACHED: Final = frozenset(("cache_read_input_tokens", "cache_creation_input_tokens"))
_ANTHROPIC_INPUT: Final = frozenset(("input_tokens", "input"))
_BEDROCK_CACHED: Final = frozenset(("cacheReadInputTokens", "cacheWriteInputTokens"))
_GEMINI_THOUGHTS: Final = frozenset(("thoughtsTokenCount", "thoughts_token_count"))


def usage_object(value: Any) -> tuple[dict[Slot, object], bool]:
    """Return what a usage object of any provider says, by slot, and whether its input had the cached tokens added."""
    if not isinstance(value, dict):
        return {}, False
    found = {slot: count for slot, names in _NAMES.items() if (count := _first(value, names)) is not None}
    if not _GEMINI_THOUGHTS.isdisjoint(value):
        _add(found, Slot.OUTPUT_TOKENS, (Slot.REASONING_TOKENS,))
    whole = _is_exclusive(value, found) and Slot.INPUT_TOKENS in found
    if whole:
        _add(found, Slot.INPUT_TOKENS, _CACHED)
    return found, whole


def _is_exclusive(value: dict[Any, Any], found: dict[Slot, object]) -> bool:
    """Tell whether an object's input is without the cached tokens, by the names that only such objects have.

    Under Anthropic's names a total of no more than input and output says that it is not: MLflow writes so.
    """
    if "inputTokens" in value:
        return not _BEDROCK_CACHED.isdisjoint(value)
    if "prompt_tokens" in value or _ANTHROPIC_CACHED.isdisjoint(value) or _ANTHROPIC_INPUT.isdisjoint(value):
        return False
    total = found.get(Slot.TOTAL_TOKENS)
    return total is None or total != _sum(found, (Slot.INPUT_TOKENS, Slot.OUTPUT_TOKENS))


def _add(found: dict[Slot, object], slot: Slot, parts: tuple[Slot, ...]) -> None:
    """Add parts to a count, unless it is none that could be added to."""
    if slot not in found or _is_count(found[slot]):
        found[slot] = _sum(found, (slot, *parts))


def _sum(found: dict[Slot, object], slots: tuple[Slot, ...]) -> int:
    return sum(int(count) for slot in slots if _is_count(count := found.get(slot)))


def _is_count(count: object) -> TypeGuard[int | float]:
    """Tell whether a value can be a count of tokens."""
    if isinstance(count, bool) or not isinstance(count, int | float):
        return False
    return 0 <= count <= MOST_TOKENS and count == int(count)


def _first(value: dict[Any, Any], paths: _Details) -> object:
    for path in paths:
        found: Any = value
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None:
            return found
    return None
