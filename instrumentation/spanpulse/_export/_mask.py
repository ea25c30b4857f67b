"""What leaves of the spans of other instrumentations: texts masked and cut, contents left out where they are off.

Contents of spans of our own have been masked before they ended; what others put on them (an exception that they
record, an attribute of the current span) is masked here. A span is never changed, for other processors hold it too: the
encoder sees one beside it. Guarantee: what was JSON is JSON afterwards; ids, models, users and what else the pipeline
joins by stay as they are. Lone surrogates, which no protobuf takes, become `?` in all spans.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from spanpulse._export._names import Kind, is_content_event, is_plain, kind_of
from spanpulse._privacy import Content, mask_known

__all__ = ["Masking", "encodable"]

OURS: Final = "spanpulse"
ABSENT: Final = object()
Attributes = Mapping[str, Any]


class Masking:
    """Applies the policy for content; None: none leaves, and what else there is, is masked."""

    def __init__(self, content: Content | None, longest: int, patterns: tuple[str, ...] = ()) -> None:
        self._leaves = content is not None
        self._content = content or Content((mask_known,), longest, patterns)

    def span(self, span: Any) -> Any:
        """Return what the encoder is to see of a span: itself, or one beside it."""
        scope = span.instrumentation_scope
        is_ours = scope is not None and scope.name == OURS
        return _Seen(
            span,
            _encodable_name(span.name),
            self._own(span.attributes or {}) if is_ours and self._leaves else self.attributes(span.attributes or {}),
            [self._event(event) for event in span.events],
            [_Seen(link, "", self.attributes(link.attributes)) if link.attributes else link for link in span.links],
            self._status(span.status),
        )

    def attributes(self, attributes: Attributes) -> dict[str, Any]:
        """Return what leaves of attributes of anybody."""
        told = {name: self._value(kind_of(name), value) for name, value in attributes.items()}
        return {name: value for name, value in told.items() if value is not ABSENT}

    def _own(self, attributes: Attributes) -> dict[str, Any]:
        """Return what leaves of attributes of a span of our own, whose contents are masked."""
        kinds = {name: kind_of(name) for name in attributes}
        return {
            name: _clean(value) if kinds[name] is Kind.CONTENT else self._value(kinds[name], value)
            for name, value in attributes.items()
        }

    def _event(self, event: Any) -> Any:
        attributes = event.attributes or {}
        if not self._leaves and is_content_event(event.name):
            attributes = {name: value for name, value in attributes.items() if _is_harmless(name, value)}
        return _Seen(event, _encodable_name(event.name), self.attributes(attributes))

    def _status(self, status: Any) -> Any:
        if not status.description:
            return status
        return _Status(status.status_code, encodable(self._content.text(status.description)))

    def _value(self, kind: Kind, value: Any) -> Any:
        """Return what leaves of a value; ABSENT for nothing."""
        if kind is Kind.STATED or isinstance(value, bool | int | float | bytes | None):
            return _clean(value)
        if not self._leaves and (kind is Kind.CONTENT or (kind is Kind.PLAIN and not _all_plain(value))):
            return ABSENT
        if kind is Kind.PLAIN and _all_plain(value):
            return _clean(value)
        return _clean(self._text(value) if isinstance(value, str) else self._content.value(value))

    def _text(self, text: str) -> str:
        """Mask and cut a text; one that is JSON inside, so that it stays JSON."""
        if text[:1] not in {"{", "["}:
            return self._content.text(text)
        try:
            said = json.loads(text)
            told = self._content.value(said)
            return text if told == said else json.dumps(told, ensure_ascii=False)
        except (ValueError, RecursionError):
            return self._content.text(text)


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _encodable_name(name: Any) -> str:
    return encodable(name if isinstance(name, str) else str(name))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return (
        {_encodable_name(name): _clean(each) for name, each in value.items()} if isinstance(value, Mapping) else value
    )


def _all_plain(value: Any) -> bool:
    if isinstance(value, str):
        return is_plain(value)
    return isinstance(value, Iterable) and all(not isinstance(each, str) or is_plain(each) for each in value)


def _is_harmless(name: str, value: Any) -> bool:
    """Tell whether an attribute of an event that tells of contents is none."""
    kind = kind_of(name) or kind_of(f"gen_ai.event.{name}")  # such as `role`, or `content`
    if kind is Kind.STATED or isinstance(value, bool | int | float):
        return True
    return kind is Kind.PLAIN and _all_plain(value)


@dataclass(frozen=True, slots=True)
class _Status:
    status_code: Any
    description: str


class _Seen:
    """A span, event or link with other attributes; all else is the original's."""

    __slots__ = ("_of", "attributes", "events", "links", "name", "status")

    def __init__(
        self, of: Any, name: str, attributes: Attributes, events: Any = (), links: Any = (), status: Any = None
    ) -> None:
        self._of = of
        self.name = name
        self.attributes = attributes
        self.events = events
        self.links = links
        self.status = status

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)
