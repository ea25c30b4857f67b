"""A generated day of a company with a help center, a support agent and an indexer, in which something happens."""

from spanpulse_stream.traffic.day._day import Day, Export
from spanpulse_stream.traffic.day._rhythm import REQUESTS
from spanpulse_stream.traffic.day._story import (
    AGENT,
    AGENT_ROOT,
    DEARER,
    FAILING,
    NEW_PRICE_MODEL,
    PROMPT,
    SLOW,
    SLOW_MODEL,
    TOOL,
    Window,
)

__all__ = [
    "AGENT",
    "AGENT_ROOT",
    "DEARER",
    "FAILING",
    "NEW_PRICE_MODEL",
    "PROMPT",
    "REQUESTS",
    "SLOW",
    "SLOW_MODEL",
    "TOOL",
    "Day",
    "Export",
    "Window",
]
