"""Rows: columns of spans and logs as the record batches that one insert per table takes.

Also what decides which rows and texts are stored at all: the keep policy and the content policy. Everything is a
function of its arguments.
"""

from spanpulse_stream.rows._arrow import money
from spanpulse_stream.rows._content import ContentPolicy
from spanpulse_stream.rows._keep import keep_mask, llm_traces, select, select_logs, traces_of_calls
from spanpulse_stream.rows._logs import score_batch, text_batch
from spanpulse_stream.rows._spans import span_batch

__all__ = [
    "ContentPolicy",
    "keep_mask",
    "llm_traces",
    "money",
    "score_batch",
    "select",
    "select_logs",
    "span_batch",
    "text_batch",
    "traces_of_calls",
]
