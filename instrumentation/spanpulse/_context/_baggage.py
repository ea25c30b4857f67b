"""What the context says, to and from other services, as entries of the W3C baggage.

It only happens where the setting `baggage` is on: baggage goes out with every request that an instrumented HTTP client
makes, to third parties as well, and what comes in is what the caller says. Guarantee: at most `MOST_BYTES` of it are
ours, and what comes in is bounded as what the application says itself. Not guaranteed: that a receiver believes it.
"""

from typing import Any, Final
from urllib.parse import quote_plus

from opentelemetry import baggage
from opentelemetry.context import Context

from spanpulse._context._values import EXPERIMENT, LONGEST_NAME, MOST, TAG, Attributes, is_sound
from spanpulse._log import say_once

__all__ = ["from_baggage", "with_baggage"]

NAMES: Final = {
    "user.id": "spanpulse.user.id",
    "session.id": "spanpulse.session.id",
    "gen_ai.prompt.name": "spanpulse.prompt.name",
    "spanpulse.prompt.version": "spanpulse.prompt.version",
}
KEYS: Final = {entry: key for key, entry in NAMES.items()}
FAMILIES: Final = (EXPERIMENT, TAG)
MOST_BYTES: Final = 2_048  # of the 8,192 that a header may have


def with_baggage(context: Context, told: Attributes) -> Context:
    """Return a context whose baggage has entries for attributes."""
    left = MOST_BYTES
    for key, value in told.items():
        name = NAMES.get(key, key)
        left -= len(quote_plus(name)) + len(quote_plus(value)) + 2
        if left < 0:
            say_once(f"baggage has no room for all of the context: {MOST_BYTES} bytes of it go to other services")
            break
        context = baggage.set_baggage(name, value, context)
    return context


def from_baggage(context: Context) -> dict[str, str]:
    """Return the attributes that the baggage of a context tells."""
    told: dict[str, str] = {}
    for name, value in baggage.get_all(context).items():
        if name.startswith("spanpulse.") and len(told) < MOST and (key := _key(name)) and _is_value(value):
            told[key] = str(value)
    return told


def _key(name: str) -> str | None:
    if name.startswith(FAMILIES):
        rest = name.removeprefix(EXPERIMENT).removeprefix(TAG)
        return name if rest and len(rest) <= LONGEST_NAME and is_sound(rest) else None
    return KEYS.get(name)


def _is_value(value: Any) -> bool:
    return isinstance(value, str) and value != "" and is_sound(value)
