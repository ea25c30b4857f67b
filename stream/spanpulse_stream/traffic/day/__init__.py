"""A generated day of a company with a help center, a support agent and an indexer, in which something happens."""

from spanpulse_stream.traffic.day._day import Day, Export
from spanpulse_stream.traffic.day._rhythm import REQUESTS
from spanpulse_stream.traffic.day._scores import THUMBS
from spanpulse_stream.traffic.day._story import (
    AGENT,
    AGENT_ROOT,
    DEARER,
    FAILING,
    LATEST_VERSION,
    NEW_PRICE_MODEL,
    PROMPT,
    SLOW,
    SLOW_MODEL,
    TOOL,
    Window,
)
from spanpulse_stream.traffic.day._totals import DayTotals, ModelUse, totals_of

__all__ = [
    "AGENT",
    "AGENT_ROOT",
    "DEARER",
    "FAILING",
    "LATEST_VERSION",
    "NEW_PRICE_MODEL",
    "PROMPT",
    "REQUESTS",
    "SLOW",
    "SLOW_MODEL",
    "THUMBS",
    "TOOL",
    "Day",
    "DayTotals",
    "Export",
    "ModelUse",
    "Window",
    "totals_of",
]
