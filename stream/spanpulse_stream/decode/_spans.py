"""Decode ExportTraceServiceRequest messages into columns.

The values are those that protobuf gives (last occurrence wins, singular messages are merged, unknown fields are
skipped). Nothing is interpreted: ids of a wrong length, odd times and unknown enum values are passed on as such.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._batch import Batch, id_pairs, narrow, unsigned
from spanpulse_stream.decode._columns import DecodedSpans, Events, Links
from spanpulse_stream.decode._keys import KeyTable
from spanpulse_stream.decode._limits import DEFAULT_LIMITS, Limits

__all__ = ["decode_spans"]

I64 = NDArray[np.int64]

_OTHER_ENUM = 255  # span_kind and status_code outside 0..254


def decode_spans(bodies: Sequence[bytes], keys: KeyTable, limits: Limits = DEFAULT_LIMITS) -> DecodedSpans:
    """Decode message bodies; what cannot be read is in ``rejected``, nothing is raised for it."""
    batch = Batch(bodies, schema.SPAN, limits.bounds())
    places = batch.places()
    totals = batch.totals
    sizes = totals[schema.RECORD_ATTRIBUTES], totals[schema.EVENTS], totals[schema.LINKS]
    columns, children = batch.read(places.pieces, schema.SPAN, schema.SPAN_COLUMNS, sizes)
    attributes = batch.attributes(children.starts[0], children.first, keys)
    events = _events(batch, children.starts[1], children.second, keys)
    links = _links(batch, children.starts[2], children.third, keys)
    resources = batch.resources(keys)
    scopes = batch.scopes(keys)
    return DecodedSpans(
        data=batch.data(),
        count=len(columns),
        messages=len(bodies),
        message=places.message,
        ordinal=places.ordinal,
        resource=places.resource,
        scope=places.scope,
        trace_id=id_pairs(columns, 1),
        span_id=unsigned(columns, 4),
        parent_span_id=unsigned(columns, 6),
        id_lengths=columns[:, [0, 3, 5]].astype(np.int32),
        start_time=unsigned(columns, 12),
        end_time=unsigned(columns, 13),
        span_kind=_enum(columns, 11),
        status_code=_enum(columns, 16),
        name_offset=columns[:, 7].copy(),
        name_length=narrow(columns, 8),
        status_message_offset=columns[:, 14].copy(),
        status_message_length=narrow(columns, 15),
        trace_state_offset=columns[:, 9].copy(),
        trace_state_length=narrow(columns, 10),
        span_offset=places.pieces[:, 0].copy(),
        span_length=narrow(places.pieces, 1),
        attributes=attributes,
        events=events,
        links=links,
        resources=resources,
        resource_message=batch.resource_message,
        scopes=scopes,
        rejected=batch.rejected(),
    )


def _enum(columns: I64, column: int) -> NDArray[np.uint8]:
    value = narrow(columns, column)
    return np.where((value < 0) | (value >= _OTHER_ENUM), _OTHER_ENUM, value).astype(np.uint8)


def _events(batch: Batch, start: I64, pieces: I64, keys: KeyTable) -> Events:
    sizes = (batch.totals[schema.EVENT_ATTRIBUTES], 0, 0)
    columns, children = batch.read(pieces, schema.EVENT, schema.EVENT_COLUMNS, sizes)
    attributes = batch.attributes(children.starts[0], children.first, keys)
    return Events(start, unsigned(columns, 0), columns[:, 1].copy(), narrow(columns, 2), attributes)


def _links(batch: Batch, start: I64, pieces: I64, keys: KeyTable) -> Links:
    sizes = (batch.totals[schema.LINK_ATTRIBUTES], 0, 0)
    columns, children = batch.read(pieces, schema.LINK, schema.LINK_COLUMNS, sizes)
    attributes = batch.attributes(children.starts[0], children.first, keys)
    return Links(start, id_pairs(columns, 1), unsigned(columns, 4), attributes)
