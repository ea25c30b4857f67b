"""Traffic to show and to measure with: a replay of real traces, recorded SDK exports, and generated load."""

from spanpulse_stream.traffic._corpus import corpus_requests
from spanpulse_stream.traffic._data import CORPUS, Signal, TraceName
from spanpulse_stream.traffic._replay import ModelTotals, Totals, expected_totals, replay

__all__ = ["CORPUS", "ModelTotals", "Signal", "Totals", "TraceName", "corpus_requests", "expected_totals", "replay"]
