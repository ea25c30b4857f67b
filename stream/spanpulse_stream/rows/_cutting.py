"""Texts and JSON cut to a number of characters, or what holds contents taken out of them.

Cut JSON stays JSON. In a message, a part or a document the words that the conventions define stay whole (roles, types,
ids, names of tools), as long as each is one word; everywhere else every string is cut, keys as well: an application
chose them. Not guaranteed: that cut keys stay in the order of the whole ones.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from spanpulse_stream.rows._content_keys import ROOTS, Kind, is_content_event, kind_of

__all__ = ["Cutter"]

MOST_NESTED: Final = 100
"""Levels of JSON that are read; what lies deeper is left out."""
GONE: Final = "…"
WORD: Final = re.compile(r"[\w.:/@+-]{0,128}", re.ASCII)

Known = Mapping[str, Callable[[Any], Any]]


class Cutter:
    """Cuts to ``limit`` characters; with 0 there is nothing to cut to, so contents are left out."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        words = dict.fromkeys(("role", "name", "finish_reason"), self._word)
        self._message: Known = {**words, "parts": self._parts}
        self._part: Known = {
            **dict.fromkeys(("type", "modality", "mime_type"), self._word),
            **dict.fromkeys(("content", "arguments", "response", "result", "uri", "file_id"), self.value),
        }
        self._call: Known = {**self._part, "id": self._word, "name": self._word}
        self._document: Known = {"id": self._word, **dict.fromkeys(("content", "score", "metadata"), self.value)}

    def text(self, text: str) -> str:
        """Cut a text and say how many characters are missing."""
        return text if len(text) <= self.limit else f"{text[: self.limit]}…[+{len(text) - self.limit}]"

    def messages(self, text: str) -> str:
        """Cut JSON messages of OpenTelemetry's schema; what should be JSON and is not becomes a JSON string."""
        return self._list(text, self._message)

    def documents(self, text: str) -> str:
        """Cut a JSON list of documents."""
        return self._list(text, self._document)

    def any_text(self, text: str) -> str:
        """Cut a text that may be JSON."""
        value = parsed(text)
        return self.text(text) if value is None else orjson.dumps(self.value(value)).decode()

    def value(self, value: Any, depth: int = 0) -> Any:
        """Cut every string in a value, keys as well."""
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, list | dict):
            return value
        if depth == MOST_NESTED:
            return GONE
        if isinstance(value, list):
            return [self.value(item, depth + 1) for item in value]
        return self._pairs({key: self.value(item, depth + 1) for key, item in value.items()})

    def without_contents(self, text: str) -> str | None:
        """Return JSON without what its keys say is content, or with it cut; None if all of it has to go."""
        value = parsed(text)
        if value is None:
            return self.text(text) if self.limit else None
        return orjson.dumps(self._filtered(value)).decode()

    def owners(self, text: str) -> str:
        """Return events or links, a JSON list of objects with attributes, without contents."""
        found = orjson.loads(text)
        for each in found:
            if attributes := each.get("attributes"):
                each["attributes"] = self._attributes(str(each.get("name", "")), attributes)
        return orjson.dumps(found).decode()

    def _attributes(self, event: str, attributes: dict[str, Any]) -> dict[str, Any]:
        if not is_content_event(event):
            return self._of_object(attributes, "", 0)
        return {key: self._cut_attribute(value) for key, value in attributes.items()} if self.limit else {}

    def _cut_attribute(self, value: Any) -> Any:
        return self.any_text(value) if isinstance(value, str) else self.value(value)

    def _filtered(self, value: Any, path: str = "", depth: int = 0) -> Any:
        """Return a value of an attribute that is no content without the contents under its keys."""
        if isinstance(value, str):
            inner = parsed(value) if depth < MOST_NESTED else None
            if inner is None:
                return value
            left = self._filtered(inner, "", depth + 1)
            return value if left == inner else orjson.dumps(left).decode()
        if not isinstance(value, list | dict):
            return value
        if depth >= MOST_NESTED:
            return GONE
        if isinstance(value, list):
            return [self._filtered(item, path, depth + 1) for item in value]
        return self._of_object(value, path, depth)

    def _of_object(self, value: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        """Return the attributes without contents, or with cut ones; ``path`` is a name that theirs go on from."""
        out = {}
        for key, item in value.items():
            name = f"{path}.{key}" if path else key
            if name in ROOTS and isinstance(item, dict):
                out[key] = self._filtered(item, name, depth + 1)
            elif not _is_content(name, item):
                out[key] = self._filtered(item, path and name, depth + 1)
            elif self.limit:
                out[key] = self._cut_attribute(item)
        return out

    def _list(self, text: str, known: Known) -> str:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = text
        return orjson.dumps(self._objects(value, known)).decode()

    def _objects(self, value: Any, known: Known) -> Any:
        """Cut a list of objects of which some keys have a known meaning."""
        if not isinstance(value, list):
            return self.value(value)
        return [self._object(item, known) if isinstance(item, dict) else self.value(item) for item in value]

    def _object(self, value: dict[str, Any], known: Known) -> dict[str, Any]:
        others = {key: self.value(item) for key, item in value.items() if key not in known}
        defined = {key: known[key](item) for key, item in value.items() if key in known}
        return defined | self._pairs(others) if others else defined

    def _parts(self, value: Any) -> Any:
        if not isinstance(value, list):
            return self.value(value)
        return [
            self._object(part, self._call if "tool_call" in str(part.get("type")) else self._part)
            if isinstance(part, dict)
            else self.value(part)
            for part in value
        ]

    def _word(self, value: Any) -> Any:
        """Keep what says what a thing is; more than a word tells something."""
        return value if isinstance(value, str) and WORD.fullmatch(value) else self.value(value)

    def _pairs(self, pairs: dict[str, Any]) -> dict[str, Any]:
        """Return an object with cut keys; one that another key was cut to already is numbered."""
        if max(map(len, pairs), default=0) <= self.limit:
            return pairs
        out: dict[str, Any] = {}
        for key, item in pairs.items():
            name = cut = self.text(key)
            number = 2
            while name in out:
                name, number = f"{cut}#{number}", number + 1
            out[name] = item
        return out


def parsed(text: str) -> Any:
    """Return a JSON list or object; None if the text is neither."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _is_content(name: str, value: Any) -> bool:
    kind = kind_of(name)
    if kind in (Kind.CONTENT, Kind.OTHER):
        return kind == Kind.CONTENT
    if isinstance(value, bool | int | float) or value is None:
        return False
    return kind == Kind.UNKNOWN or not (isinstance(value, str) and WORD.fullmatch(value))
