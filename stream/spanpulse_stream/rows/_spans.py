"""The rows of `span_rows`: exactly its columns, in its order, one Arrow record batch for one insert."""

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import SpanColumns, Words
from spanpulse_stream.rows._arrow import booleans, hexadecimal, integers, money, named, plain, present, text, times

__all__ = ["span_batch"]


def span_batch(columns: SpanColumns) -> pa.RecordBatch:
    """Return the spans of a batch as the table `span_rows` takes them."""
    return pa.RecordBatch.from_pydict(
        _place(columns) | _nature(columns) | _usage(columns) | _outcome(columns) | _content(columns)
    )


def _place(columns: SpanColumns) -> dict[str, pa.Array]:
    return {
        "log_source": pa.array(np.full(columns.size, columns.log_source, np.uint32)),
        "log_offset": pa.array(columns.log_offset),
        "ordinal": pa.array(columns.ordinal),
        "received_at": times(columns.received_at, "ms"),
        "tenant": present(columns.tenant),
        "trace_id": hexadecimal(columns.trace_id),
        "span_id": hexadecimal(columns.span_id),
        "parent_span_id": hexadecimal(columns.parent_span_id, absent=True),
        "start_time": times(columns.start_time, "ns"),
        "end_time": times(columns.end_time, "ns"),
        "duration_ns": integers(columns.duration_ns),
    }


def _nature(columns: SpanColumns) -> dict[str, pa.Array]:
    return {
        "name": present(columns.name),
        "span_kind": pa.array(columns.span_kind),
        "service_name": named(columns.service_name),
        "environment": named(columns.environment),
        "operation": named(columns.operation),
        "kind": present(columns.kind),
        "provider": named(columns.provider),
        "request_model": named(columns.request_model),
        "response_model": named(columns.response_model),
        "response_id": columns.response_id,
        "stream": booleans(columns.stream),
    }


def _usage(columns: SpanColumns) -> dict[str, pa.Array]:
    return {
        "input_tokens": integers(columns.input_tokens),
        "output_tokens": integers(columns.output_tokens),
        "cache_read_tokens": integers(columns.cache_read_tokens),
        "cache_write_tokens": integers(columns.cache_write_tokens),
        "reasoning_tokens": integers(columns.reasoning_tokens),
        "cache_write_1h_tokens": integers(columns.cache_write_1h_tokens),
        "input_audio_tokens": integers(columns.input_audio_tokens),
        "output_audio_tokens": integers(columns.output_audio_tokens),
        "service_tier": named(columns.service_tier),
        "usage_status": named(columns.usage_status),
        "usage_rank": pa.array(columns.usage_rank),
        "counted": pa.array(columns.counted),
        "cost": money(columns.cost),
        "cost_confidence": named(columns.cost_confidence),
        "price_version": present(Words.constant(columns.size, columns.price_version)),
        "time_to_first_token_ns": integers(columns.time_to_first_token_ns),
    }


def _outcome(columns: SpanColumns) -> dict[str, pa.Array]:
    return {
        "status": present(columns.status),
        "status_message": columns.status_message,
        "error_type": named(columns.error_type),
        "finish_reasons": plain(columns.finish_reasons),
        "user_id": text(columns.user_id),
        "session_id": text(columns.session_id),
        "prompt_name": named(columns.prompt_name),
        "prompt_version": named(columns.prompt_version),
        "experiments": plain(columns.experiments),
        "tags": plain(columns.tags),
        "weight": pa.array(columns.weight),
    }


def _content(columns: SpanColumns) -> dict[str, pa.Array]:
    return {
        "input_messages": columns.input_messages,
        "output_messages": columns.output_messages,
        "retrieval_query": columns.retrieval_query,
        "retrieval_documents": columns.retrieval_documents,
        "emitter_name": present(columns.emitter_name),
        "emitter_version": present(columns.emitter_version),
        "resource": present(columns.resource),
        "attributes": plain(columns.attributes),
        "events": columns.events,
        "links": columns.links,
        "anomalies": plain(columns.anomalies),
        "dropped": pa.array(columns.dropped),
    }
