"""Traffic to show and to measure with: a replay of real traces, recorded SDK exports, and generated load."""

from spanpulse_stream.traffic._corpus import corpus_requests
from spanpulse_stream.traffic._data import CORPUS, Signal, TraceName
from spanpulse_stream.traffic._load import LoadGenerator
from spanpulse_stream.traffic._replay import ModelTotals, Totals, expected_totals, replay
from spanpulse_stream.traffic._send import Outgoing, Report, Sender

__all__ = [
    "CORPUS",
    "LoadGenerator",
    "ModelTotals",
    "Outgoing",
    "Report",
    "Sender",
    "Signal",
    "Totals",
    "TraceName",
    "corpus_requests",
    "expected_totals",
    "replay",
]
