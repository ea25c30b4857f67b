"""Normalise request bodies and read the columns row by row."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from logevents.build import RECEIVED_MS
from spanpulse_stream.columns import LogColumns, Origin, ScoreColumns, TextColumns, Words
from spanpulse_stream.decode import decode_logs
from spanpulse_stream.normalise import KEYS, Rejection, normalise_logs


class Normalised(NamedTuple):
    columns: LogColumns
    rejected: list[Rejection]

    @property
    def keys(self) -> list[tuple[int, int]]:
        return [(high, low) for high, low in self.columns.key.tolist()]

    @property
    def texts(self) -> list[dict[str, Any]]:
        return text_rows(self.columns.texts)

    @property
    def scores(self) -> list[dict[str, Any]]:
        return score_rows(self.columns.scores)


def normalise(*bodies: bytes, received_ms: int = RECEIVED_MS) -> Normalised:
    """Normalise bodies as one batch of the tenant ``acme``; the offsets count from 100."""
    size = len(bodies)
    offsets = np.arange(100, 100 + size, dtype=np.int64)
    origin = Origin(7, offsets, np.full(size, received_ms, np.int64), Words.constant(size, "acme"))
    return Normalised(*normalise_logs(decode_logs(bodies, KEYS), origin))


def text_rows(texts: TextColumns) -> list[dict[str, Any]]:
    """Return the rows with their messages parsed."""
    return [{**row, "messages": json.loads(row["messages"])} for row in _rows(texts)]


def score_rows(scores: ScoreColumns) -> list[dict[str, Any]]:
    """Return the rows with their maps as dicts."""
    maps = ("experiments", "attributes")
    return [{**row, **{name: dict(row[name]) for name in maps}} for row in _rows(scores)]


def _rows(columns: TextColumns | ScoreColumns) -> list[dict[str, Any]]:
    lists = {field.name: _list(getattr(columns, field.name)) for field in dataclasses.fields(columns)}
    sizes: Sequence[int] = [len(values) for values in lists.values()]
    assert set(sizes) == {len(columns.record)}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _list(column: Any) -> list[Any]:
    if isinstance(column, pa.Array):
        column.validate(full=True)
        return column.to_pylist()
    return column.tolist()
