"""The rows of `span_texts` and `scores`: exactly their columns, in their order.

A text without a trace or span id has '' there, a score NULL.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import LogColumns, Words
from spanpulse_stream.rows._arrow import hexadecimal, named, plain, present, times

__all__ = ["score_batch", "text_batch"]


def text_batch(logs: LogColumns) -> pa.RecordBatch:
    """Return the texts of a batch as the table `span_texts` takes them."""
    texts = logs.texts
    return pa.RecordBatch.from_pydict(
        _place(logs, texts.record)
        | {
            "trace_id": hexadecimal(texts.trace_id, absent=True).fill_null(""),
            "span_id": hexadecimal(texts.span_id, absent=True).fill_null(""),
            "time": times(texts.time, "ns"),
            "direction": present(texts.direction),
            "position": pa.array(texts.position),
            "messages": texts.messages,
            "event_name": present(texts.event_name),
        }
    )


def score_batch(logs: LogColumns) -> pa.RecordBatch:
    """Return the scores of a batch as the table `scores` takes them."""
    scores = logs.scores
    return pa.RecordBatch.from_pydict(
        _place(logs, scores.record)
        | {
            "time": times(scores.time, "ns"),
            "trace_id": hexadecimal(scores.trace_id, absent=True),
            "span_id": hexadecimal(scores.span_id, absent=True),
            "response_id": scores.response_id,
            "evaluator": present(scores.evaluator),
            "evaluator_version": named(scores.evaluator_version),
            "name": present(scores.name),
            "value": scores.value,
            "label": named(scores.label),
            "explanation": scores.explanation,
            "service_name": named(scores.service_name),
            "environment": named(scores.environment),
            "request_model": named(scores.request_model),
            "prompt_name": named(scores.prompt_name),
            "prompt_version": named(scores.prompt_version),
            "attributes": plain(scores.attributes),
            "experiments": plain(scores.experiments),
        }
    )


def _place(logs: LogColumns, record: NDArray[np.int32]) -> dict[str, pa.Array]:
    return {
        "log_source": pa.array(np.full(record.size, logs.log_source, np.uint32)),
        "log_offset": pa.array(logs.log_offset[record]),
        "ordinal": pa.array(logs.ordinal[record]),
        "received_at": times(logs.received_at[record], "ms"),
        "tenant": present(Words(logs.tenant.codes[record], logs.tenant.values)),
    }
