"""Decisions about spans that came through different partitions, and how they reach the partition they are about.

A partition decides by itself about what it saw. What several partitions saw is decided over all of them; the outcome
is sent, as a message, into the partition that stored the span in question, and takes effect where that partition's
log says so. So the content of a batch stays a function of its partition's log.
"""

from spanpulse_stream.decisions._message import (
    HEADERS,
    MOST_DECISIONS,
    SIGNAL,
    Decision,
    Decisions,
    Encoding,
    NoDecisions,
)
from spanpulse_stream.decisions._reconciler import Look, Reconciler
from spanpulse_stream.decisions._union import Finding, Place, Union

__all__ = [
    "HEADERS",
    "MOST_DECISIONS",
    "SIGNAL",
    "Decision",
    "Decisions",
    "Encoding",
    "Finding",
    "Look",
    "NoDecisions",
    "Place",
    "Reconciler",
    "Union",
]
