"""What happens in the day: three events and a price list, as times before its end and as their effects.

A price jump: help-center rolls out a new version of its prompt, which asks a dearer model and retrieves more.
A slow model: for an hour one provider answers late, and some calls time out.
A failing tool: for a while a tool cannot reach its system; agents retry, run into a rate limit and give up.
A price list: the negotiated price of a model ends at midnight UTC, so the same call costs more from then on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from spanpulse_stream.traffic.day._cast import CLAUDE, LARGE, MISTRAL, SMALL, Model

__all__ = [
    "AGENT",
    "AGENT_ROOT",
    "DEARER",
    "FAILING",
    "LATEST_VERSION",
    "NEW_PRICE_MODEL",
    "PROMPT",
    "SLOW",
    "SLOW_MODEL",
    "TOOL",
    "Window",
    "price_list",
    "prompt_version",
]

MINUTE: Final = 60 * 10**9
HOUR: Final = 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the day, in ns from its end: what is past is negative."""

    begin: int
    end: int

    def holds(self, moment: int) -> bool:
        """Tell whether a moment (ns from the end of the day) lies within."""
        return self.begin <= moment < self.end

    def dated(self, until: datetime) -> tuple[datetime, datetime]:
        """Return begin and end of it in a day that ends at ``until``."""
        return until + timedelta(microseconds=self.begin // 1000), until + timedelta(microseconds=self.end // 1000)


DEARER: Final = Window(-9 * HOUR, 0)
SLOW: Final = Window(-18 * HOUR, -17 * HOUR)
FAILING: Final = Window(-3 * HOUR, -2 * HOUR - 10 * MINUTE)

PROMPT: Final = "answer-question"
LATEST_VERSION: Final = "4"
SLOW_MODEL: Final = CLAUDE
TOOL: Final = "lookup_order"
AGENT: Final = "support-agent"
AGENT_ROOT: Final = "POST /api/support/messages"
NEW_PRICE_MODEL: Final = MISTRAL

BEFORE: Final = (Decimal("1.20"), Decimal("3.60"))
AFTER: Final = (Decimal("2.00"), Decimal("6.00"))


def prompt_version(moment: int, environment: str) -> tuple[str, Model]:
    """Return version and model of the prompt at a moment; staging has the new version all day long."""
    if environment == "staging" or moment >= DEARER.begin:
        return LATEST_VERSION, LARGE
    return "3", SMALL


def price_list(until: datetime) -> str:
    """Return the operator's prices (YAML): those of a contract, and others from the last midnight UTC on."""
    today = until.astimezone(UTC).date()
    whose = f"provider: {NEW_PRICE_MODEL.provider}, model: {NEW_PRICE_MODEL.name}"
    entries = ((today - timedelta(days=7), BEFORE), (today, AFTER))
    lines = [f"  - {{{whose}, from: {day}, input: {paid}, output: {made}}}" for day, (paid, made) in entries]
    return "\n".join(["# USD per million tokens. The contract ends with the second entry.", "prices:", *lines, ""])
