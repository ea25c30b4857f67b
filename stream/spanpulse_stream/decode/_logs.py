"""Decode ExportLogsServiceRequest messages into columns.

The values are those that protobuf gives (last occurrence wins, singular messages are merged, unknown fields are
skipped). Nothing is interpreted; the severity text and the flags have no column.
"""

from collections.abc import Sequence

import numpy as np

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._batch import Batch, id_pairs, narrow, unsigned
from spanpulse_stream.decode._columns import DecodedLogs
from spanpulse_stream.decode._keys import KeyTable
from spanpulse_stream.decode._limits import DEFAULT_LIMITS, Limits

__all__ = ["decode_logs"]


def decode_logs(bodies: Sequence[bytes], keys: KeyTable, limits: Limits = DEFAULT_LIMITS) -> DecodedLogs:
    """Decode message bodies; what cannot be read is in ``rejected``, nothing is raised for it."""
    batch = Batch(bodies, schema.LOG_RECORD, limits.bounds())
    places = batch.places()
    sizes = (batch.totals[schema.RECORD_ATTRIBUTES], 0, 0)
    columns, children = batch.read(places.pieces, schema.LOG_RECORD, schema.LOG_COLUMNS, sizes)
    attributes = batch.attributes(children.starts[0], children.first, keys)
    body = batch.bodies(places.pieces)
    resources = batch.resources(keys)
    scopes = batch.scopes(keys)
    return DecodedLogs(
        data=batch.data(),
        count=len(columns),
        messages=len(bodies),
        message=places.message,
        ordinal=places.ordinal,
        resource=places.resource,
        scope=places.scope,
        trace_id=id_pairs(columns, 1),
        span_id=unsigned(columns, 4),
        id_lengths=columns[:, [0, 3]].astype(np.int32),
        time=unsigned(columns, 5),
        observed_time=unsigned(columns, 6),
        severity=narrow(columns, 7),
        event_name_offset=columns[:, 8].copy(),
        event_name_length=narrow(columns, 9),
        body=body,
        record_offset=places.pieces[:, 0].copy(),
        record_length=narrow(places.pieces, 1),
        attributes=attributes,
        resources=resources,
        resource_message=batch.resource_message,
        scopes=scopes,
        rejected=batch.rejected(),
    )
