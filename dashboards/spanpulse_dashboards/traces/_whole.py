"""The whole of a text that a page shows the beginning of, found by its source.

Sources are those of `SpanDetail`: `input.2.0` (message 2, part 0), `attribute.<key>`, `event.3.<key>`, `link.0.<key>`,
`input` or `output` (every message), or the name of a column. Not guaranteed: more than was read of a span, which is
bounded.
"""

from typing import Any

from spanpulse_dashboards.traces._detail import Stored
from spanpulse_dashboards.traces._texts import parsed, text_of, whole_part

__all__ = ["NoSuchText", "whole_text"]

COLUMNS = ("retrieval_query", "retrieval_documents", "events", "links", "resource", "status_message")


class NoSuchText(LookupError):  # noqa: N818 -- reads as what it is
    """The span has no text of that source."""


def whole_text(stored: Stored, source: str) -> str:
    """Return the text. Raises NoSuchText."""
    kind, _, rest = source.partition(".")
    found: Any = None
    if source in {"input", "output"}:
        found = stored.input if source == "input" else stored.output
    elif kind in {"input", "output"}:
        messages = stored.input if kind == "input" else stored.output
        message, _, part = rest.partition(".")
        found = whole_part(messages, _number(message), _number(part))
    elif kind == "attribute":
        found = stored.row["attributes"].get(rest)
    elif kind in {"event", "link"}:
        found = _attribute(parsed(stored.row[f"{kind}s"]), rest)
    elif source in COLUMNS:
        found = stored.row[source]
    if found is None:
        raise NoSuchText(f"the span has no text {source[:80]!r}")
    return found if isinstance(found, str) else text_of(found, source, longest=None).text


def _attribute(items: Any, rest: str) -> Any:
    """Return an attribute of one of the items."""
    number, _, key = rest.partition(".")
    index = _number(number)
    item = items[index] if isinstance(items, list) and 0 <= index < len(items) else None
    attributes = item.get("attributes") if isinstance(item, dict) else None
    return attributes.get(key) if isinstance(attributes, dict) else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else -1
