"""How much memory columns take, and which messages blow up: one insert has a bound, whatever was sent.

A batch's messages are bounded in bytes, and so are its rows, unless messages are written to multiply: texts of
control characters, which JSON escapes sixfold, or a host of empty spans. Guarantee: where no message is larger than
`LARGEST_MESSAGE` and none takes more than `allowed`, those of a batch (64 MiB, 100,000 records at most, or one message)
together take less than an insert may.
"""

from dataclasses import fields

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import LogColumns, Numbers, ScoreColumns, SpanColumns, TextColumns, Words

__all__ = ["LARGEST_MESSAGE", "MOST_BYTES", "allowed", "held_bytes"]

MOST_BYTES = 192 * 1024 * 1024
"""Bytes of columns up to which nothing is asked; an insert may have a third more."""
LARGEST_MESSAGE = 64 * 1024 * 1024
"""Bytes of a message, decompressed, beyond which it is set aside before anything reads it: as many as a batch has."""
GROWTH = 2  # a batch has at most 64 MiB of messages
PER_RECORD = 1024  # bytes, for the columns of fixed width


def held_bytes(columns: SpanColumns | LogColumns | TextColumns | ScoreColumns) -> int:
    """Return the bytes of all columns."""
    total = 0
    for field in fields(columns):
        column = getattr(columns, field.name)
        if isinstance(column, pa.Array | np.ndarray):
            total += column.nbytes
        elif isinstance(column, Numbers):
            total += column.values.nbytes + column.valid.nbytes
        elif isinstance(column, Words):
            total += column.codes.nbytes + sum(map(len, column.values))
        elif isinstance(column, TextColumns | ScoreColumns):
            total += held_bytes(column)
    return total


def allowed(message_bytes: int, records: int) -> int:
    """Return the bytes that the columns of one message may take, whatever it says of itself: never more than fit."""
    return min(GROWTH * message_bytes + PER_RECORD * records, MOST_BYTES)
