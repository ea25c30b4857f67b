"""JSON as HTML: keys, texts, numbers and words apart in colour, objects and lists folded where they are long.

Every text is escaped here, by `visible`. Bounded: what nests deeper or holds more than the bounds is shown as plain
text. Not guaranteed: that numbers look as they were written.
"""

from typing import Any

import orjson
from markupsafe import Markup

from spanpulse_dashboards.traces._visible import visible

__all__ = ["json_html"]

MOST_VALUES = 2_000
DEEPEST = 24
OPEN_UNTIL = 2
LONGEST_OPEN = 20


class _TooMuch(Exception):  # noqa: N818
    """The value is beyond the bounds."""


def json_html(text: str) -> Markup:
    """Return JSON text as HTML; other text as it is, escaped."""
    try:
        return _Writer().write(orjson.loads(text), 0)
    except (orjson.JSONDecodeError, _TooMuch):
        return visible(text)


class _Writer:
    """Writes one value; counts what it has written."""

    def __init__(self) -> None:
        self._written = 0

    def write(self, value: Any, depth: int) -> Markup:
        """Return a value. Raises _TooMuch."""
        self._written += 1
        if self._written > MOST_VALUES or depth > DEEPEST:
            raise _TooMuch
        if isinstance(value, dict):
            pairs = [(_key(key), self.write(each, depth + 1)) for key, each in value.items()]
            return _folded("{", [key + ": " + each for key, each in pairs], "}", depth)
        if isinstance(value, list):
            return _folded("[", [self.write(each, depth + 1) for each in value], "]", depth)
        if isinstance(value, str):
            return Markup('<span class="j-text">{}</span>').format(visible(f'"{value}"'))
        kind = "j-number" if isinstance(value, int | float) and not isinstance(value, bool) else "j-word"
        return Markup('<span class="{}">{}</span>').format(kind, visible(orjson.dumps(value).decode()))


def _key(key: str) -> Markup:
    return Markup('<span class="j-key">{}</span>').format(visible(key))


def _folded(before: str, items: list[Markup], after: str, depth: int) -> Markup:
    if not items:
        return Markup("{}{}").format(before, after)
    rows = Markup("").join(
        Markup("<li>{}{}</li>").format(item, "," if number < len(items) else "")
        for number, item in enumerate(items, start=1)
    )
    is_open = Markup(" open") if depth < OPEN_UNTIL and len(items) <= LONGEST_OPEN else ""
    count = f"{len(items)} {'entries' if len(items) > 1 else 'entry'}"
    return Markup(
        '<details class="j"{}><summary>{}<span class="j-count"> {} </span><span class="j-after">{}</span></summary>'
        "<ul>{}</ul>{}</details>"
    ).format(is_open, before, count, after, rows, after)
