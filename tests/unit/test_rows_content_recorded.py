"""Under the policy `none` nothing that was said in a recorded export is left in any column of its spans."""

import base64
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from normalising import as_list, normalised
from spanpulse_stream.columns import SpanColumns, Words
from spanpulse_stream.rows import ContentPolicy

FIXTURES = Path(__file__).parents[1] / "fixtures"
FILES = sorted(path.relative_to(FIXTURES) for path in FIXTURES.glob("*/*.jsonl"))
SAID_IN = {"content", "text", "output_text", "answer", "arguments", "query"}
SHORTEST = 15
"""Characters of what is searched for: shorter texts are in names and ids by chance."""
TEXTUAL = (pa.Array, Words)


def said(value: Any, in_text: bool = False) -> Iterator[str]:
    """Yield the texts of messages or documents."""
    if isinstance(value, str) and in_text and len(value) >= SHORTEST:
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from said(item, in_text or key in SAID_IN)
    elif isinstance(value, list):
        for item in value:
            yield from said(item, in_text)


def strings(value: Any) -> Iterator[str]:
    """Yield every string in the rows of a column."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def texts_of(columns: SpanColumns) -> set[str]:
    """Return what was said in the spans, as it is and as it stands in JSON, once and twice encoded."""
    found = {query for query in as_list(columns.retrieval_query) if isinstance(query, str) and len(query) >= SHORTEST}
    for column in (columns.input_messages, columns.output_messages, columns.retrieval_documents):
        for text in column.to_pylist():
            found.update(said(json.loads(text)) if text else ())
    once = {json.dumps(text, ensure_ascii=False)[1:-1] for text in found}
    return found | once | {json.dumps(text, ensure_ascii=False)[1:-1] for text in once}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_none_leaves_nothing_of_a_recorded_export(path: Path) -> None:
    searched = 0
    for line in (FIXTURES / path).read_text().splitlines():
        record = json.loads(line)
        exports = record["traces"] if "traces" in record else record["exports"]
        if not exports:
            continue
        columns = normalised([base64.b64decode(body) for body in exports]).columns
        texts = texts_of(columns)
        left = ContentPolicy.parse("none").spans(columns)
        columns_left = {field.name: getattr(left, field.name) for field in fields(left)}
        rows = {name: "\n".join(strings(as_list(c))) for name, c in columns_left.items() if isinstance(c, TEXTUAL)}
        found = [(record.get("scenario"), name, text) for name, row in rows.items() for text in texts if text in row]
        assert not found
        searched += len(texts)
    assert searched or "nocontent" in path.name  # emitters that were told to send none
