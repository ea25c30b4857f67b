"""From decoded spans to canonical ones: every column from whatever the emitter wrote.

The result is a function of the messages alone. What cannot be a row is returned apart, with its reason.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Origin, SpanColumns, Words
from spanpulse_stream.decode import DecodedSpans
from spanpulse_stream.normalise._accept import Times, accept, times
from spanpulse_stream.normalise._anomalies import Anomalies, Anomaly
from spanpulse_stream.normalise._calls import (
    call_durations,
    first_token,
    read_models,
    read_objects,
    read_stream,
    response_ids,
)
from spanpulse_stream.normalise._classify import KINDS, Nature, classify
from spanpulse_stream.normalise._events import Events, links_column, read_events
from spanpulse_stream.normalise._messages import read_messages
from spanpulse_stream.normalise._named import error_types, providers, span_names
from spanpulse_stream.normalise._origins import Emitters, read_emitters, read_resources
from spanpulse_stream.normalise._outcome import finish_reasons, service_tier, status_of, status_with
from spanpulse_stream.normalise._pairs import attributes_map, family_map
from spanpulse_stream.normalise._pool import ABSENT, Pool
from spanpulse_stream.normalise._rejections import Rejection, undecodable
from spanpulse_stream.normalise._resolved import Resolved, Spans, resolved
from spanpulse_stream.normalise._responses import response_of
from spanpulse_stream.normalise._retrieval import read_retrieval
from spanpulse_stream.normalise._slots import TOKENS, Family, Slot
from spanpulse_stream.normalise._span_scores import find_span_scores
from spanpulse_stream.normalise._stated_cost import stated_costs
from spanpulse_stream.normalise._usage import read_usage
from spanpulse_stream.normalise._who import read_weight, read_who
from spanpulse_stream.normalise.dialects import DIALECTS

__all__ = ["normalise_spans"]

PARENT_ID_BYTES: Final = 8
USAGE_COLUMNS: Final = tuple(Slot(slot) for slot in TOKENS if slot != Slot.TOTAL_TOKENS)


def normalise_spans(decoded: DecodedSpans, origin: Origin) -> tuple[SpanColumns, list[Rejection]]:
    """Return the canonical spans of a batch in log order, and what is no span, with decoding's own rejections.

    ``decoded`` must have been decoded with `KEYS`; ``origin`` describes its messages.
    """
    rejected = undecodable(decoded.rejected, decoded.data, origin, "traces")
    rows, refused = accept(decoded, origin)
    return _columns(decoded, origin, rows), [*rejected, *refused]


def _columns(decoded: DecodedSpans, origin: Origin, rows: NDArray[np.intp]) -> SpanColumns:
    size, message = len(rows), decoded.message[rows]
    anomalies = Anomalies(size)
    when = times(decoded, rows, anomalies)
    emitters, resources = read_emitters(decoded, rows), read_resources(decoded, rows)
    spans = Spans(decoded, rows, emitters.dialect, Pool(decoded.data), anomalies)
    found, events = resolved(spans), read_events(spans)
    name = span_names(spans)
    nature = classify(found, name, {row: call.operation for row, call in events.calls.items()})
    call = _call(found, nature, events, when, emitters)
    retrieved = read_retrieval(found, nature)
    sides = read_messages(found, events)
    status = status_of(decoded.status_code[rows])
    errors = error_types(found, events, status)
    columns = SpanColumns(
        size=size,
        log_source=origin.log_source,
        log_offset=origin.log_offset[message],
        ordinal=decoded.ordinal[rows],
        received_at=origin.received_at[message],
        tenant=Words(origin.tenant.codes[message], origin.tenant.values),
        trace_id=decoded.trace_id[rows],
        span_id=decoded.span_id[rows],
        parent_span_id=_parent(decoded, rows, anomalies),
        start_time=when.start,
        end_time=when.end,
        name=name,
        span_kind=np.where(decoded.span_kind[rows] <= 5, decoded.span_kind[rows], 0).astype(np.uint8),
        service_name=resources.service_name,
        environment=_or(found.words(Slot.ENVIRONMENT), resources.environment),
        operation=nature.operation,
        kind=Words(nature.kind.astype(np.int32), list(KINDS)),
        provider=providers(found, nature, name, call["request_model"]),
        status=status_with(status, errors),
        status_message=spans.pool.strings(
            decoded.status_message_offset[rows], _absent_if_empty(decoded.status_message_length[rows])
        ),
        error_type=errors,
        finish_reasons=finish_reasons(found, nature.is_call, sides.output),
        prompt_name=found.words(Slot.PROMPT_NAME),
        prompt_version=found.words(Slot.PROMPT_VERSION),
        experiments=family_map(found, Family.EXPERIMENT, "spanpulse.experiment."),
        tags=family_map(found, Family.TAG, "spanpulse.tag."),
        weight=read_weight(found),
        input_messages=sides.input,
        output_messages=sides.output,
        retrieval_query=retrieved.query,
        retrieval_documents=retrieved.documents,
        emitter_name=emitters.name,
        emitter_version=emitters.version,
        resource=resources.json,
        events=events.column,
        links=links_column(spans),
        usage_rank=np.where(nature.is_call, emitters.rank, 0).astype(np.uint8),
        **call,
        **read_who(found),
        attributes=attributes_map(found),
        anomalies=pa.nulls(0),
    )
    columns.scores = find_span_scores(columns, events.scores, anomalies)
    columns.anomalies = anomalies.column()
    return columns


def _call(found: Resolved, nature: Nature, events: Events, when: Times, emitters: Emitters) -> dict[str, Any]:
    """Return the columns that only model calls fill."""
    parameters = read_objects(found, Slot.PARAMETERS, nature.is_call)
    parameters |= {row: call.parameters for row, call in events.calls.items()}
    stream = read_stream(found, parameters)
    duration = call_durations(found, nature, when)
    first = first_token(found, nature, events, when.start, duration, stream)
    invented = _invented(found, emitters, stream)
    lacking = ~found.has(Slot.RESPONSE_ID) | ~(found.has(Slot.INPUT_TOKENS) | found.has(Slot.USAGE))
    raw = read_objects(found, Slot.OUTPUT, nature.is_call & lacking)
    responses = {row: response for row, said in raw.items() if (response := response_of(said))}
    responses |= {row: call.response for row, call in events.calls.items()}
    told = {row: each for row, each in events.responses.items() if nature.is_call[row]}
    responses |= {row: each | responses.get(row, {}) for row, each in told.items()}
    models = read_models(found, parameters, responses)
    usage = read_usage(found, nature, emitters.exclusive, invented, responses)
    return {
        "request_model": models.request,
        "response_model": models.response,
        "response_id": response_ids(found, responses),
        "stream": stream,
        "duration_ns": duration,
        "time_to_first_token_ns": first,
        "service_tier": service_tier(found),
        "usage_status": usage.status,
        "stated_cost": stated_costs(found, nature, responses),
        **{slot.name.lower(): usage.counts[slot] for slot in USAGE_COLUMNS},
    }


def _invented(found: Resolved, emitters: Emitters, stream: Numbers) -> NDArray[np.bool_]:
    """Tell which spans have tokens that their emitter guessed."""
    guesses = np.array([dialect.counts_streams_itself for dialect in DIALECTS])[emitters.dialect]
    invented: NDArray[np.bool_] = guesses & (stream.values == 1) & ~found.has(Slot.CACHE_READ_TOKENS)
    return invented


def _parent(decoded: DecodedSpans, rows: NDArray[np.intp], anomalies: Anomalies) -> NDArray[np.uint64]:
    length = decoded.id_lengths[rows, 2]
    anomalies.note(Anomaly.INVALID_PARENT_ID, (length != 0) & (length != PARENT_ID_BYTES))
    return decoded.parent_span_id[rows]


def _absent_if_empty(length: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.where(length == 0, np.int32(ABSENT), length)


def _or(words: Words, others: Words) -> Words:
    """Return words with those of another column in the place of NULL."""
    codes = np.where(words.codes >= 0, words.codes, others.codes + np.where(others.codes >= 0, len(words.values), 0))
    return Words(codes.astype(np.int32), [*words.values, *others.values])
