"""Tables to import: CSV and Parquet, and the spans that come of them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp.requests import spans_of
from spanpulse_stream.importing import Chunk, MappingWanted, Options

NOON = 1_762_776_000_000_000_000  # 2025-11-10 12:00 UTC


def csv_bytes(header: Sequence[str], *rows: Sequence[str], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().encode()


def parquet(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "table.parquet", **options)
    return folder / "table.parquet"


def mapped(**columns: str) -> Options:
    return Options(columns=MappingWanted(columns))


def spans(chunks: Sequence[Chunk]) -> list[Span]:
    """Return the spans of chunks; what cannot be read is behind them, as no protobuf."""
    return spans_of(*(request.body for chunk in chunks for request in chunk.requests[: -1 if chunk.bad else None]))


def plain(span: Span) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
