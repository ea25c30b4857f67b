"""The rollup rows of a batch as bytes, and back: Arrow IPC streams, one behind the other, each naming its table.

What a table's rows of one batch have in common is left out: the day of receipt, and the mark of the batch, which is in
the message's headers. A batch whose rows take more than `MOST_BYTES` becomes several parts, each to be read alone: rows
are additive, so parts are as well. One row always fits: dimensions have at most 1,024 bytes each, maps 256 names. The
bound is no setting, so a batch that comes again has the same parts.
"""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from spanpulse_sinks.clickhouse import Batch

__all__ = ["MOST_BYTES", "TABLES", "decode_deltas", "encode_deltas"]

TABLES: Final = ("rollup_minute", "rollup_service", "rollup_score")
"""The tables whose rows travel; the other rollups have the same sums by other dimensions."""
MOST_BYTES: Final = 900_000
"""Of one part: less than the least that `kafka_message_bytes` may be."""
IN_COMMON: Final = ("received_day", "applied")
TABLE: Final = b"table"


def encode_deltas(batch: Batch, most_bytes: int = MOST_BYTES) -> list[bytes]:
    """Return what a batch added, in at least one part; a part of a batch that added nothing is empty."""
    parts = [b""]
    for piece in _pieces(batch, most_bytes):
        if parts[-1] and len(parts[-1]) + len(piece) > most_bytes:
            parts.append(b"")
        parts[-1] += piece
    return parts


def decode_deltas(part: bytes) -> dict[str, pa.Table]:
    """Return the rows of a part by table; words are plain strings. Raises ArrowInvalid, OSError or KeyError."""
    found: dict[str, list[pa.Table]] = {}
    source = pa.BufferReader(part)
    while source.tell() < len(part):
        rows = pa.ipc.open_stream(source).read_all()
        found.setdefault(rows.schema.metadata[TABLE].decode(), []).append(rows.replace_schema_metadata())
    return {name: pa.concat_tables(tables) for name, tables in found.items()}


def _pieces(batch: Batch, most_bytes: int) -> Iterator[bytes]:
    for name in TABLES:
        if (rows := batch.tables.get(name)) is not None and rows.num_rows:
            yield from _cut(_plain(rows, name), most_bytes)


def _plain(rows: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """Return the rows without what they have in common, and without dictionaries, which no cut makes smaller."""
    kept = {each: rows[each] for each in rows.schema.names if each not in IN_COMMON}
    plain = {
        each: column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for each, column in kept.items()
    }
    return pa.RecordBatch.from_pydict(plain).replace_schema_metadata({TABLE: name})


def _cut(rows: pa.RecordBatch, most_bytes: int) -> Iterator[bytes]:
    """Yield streams of all rows, halving what is too large."""
    stream = _stream(rows)
    if len(stream) <= most_bytes or rows.num_rows == 1:
        yield stream
        return
    half = rows.num_rows // 2
    yield from _cut(rows.slice(0, half), most_bytes)
    yield from _cut(rows.slice(half), most_bytes)


def _stream(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return bytes(sink.getvalue())
