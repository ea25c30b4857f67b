"""What leaves of the spans of other instrumentations: texts masked and cut, contents left out where they are off.

Contents of spans of our own have been masked before they ended; what others put on them (an exception that they
record, an attribute of the current span) is masked here. A span is never changed, for other processors hold it too: the
encoder sees one beside it. Guarantee: what was JSON is JSON afterwards; ids, models, users and what else the pipeline
joins by stay as they are. Lone surrogates, which no protobuf takes, become `?` in all spans.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from spanpulse._export._names import Kind, is_content_event, is_plain, kind_of
from spanpulse._log import say_once
from spanpulse._privacy import Content, mask_known

__all__ = ["Masking", "encodable"]

OURS: Final = "spanpulse"
CONVENTIONS: Final = "gen_ai."
ABSENT: Final = object()
MASKED: Final = "<KEY>"
NUMBERS: Final = frozenset({bool, int, float})
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
        attributes = _copied(span.attributes or {})
        return _Seen(
            span,
            _encodable_name(span.name),
            self._own(attributes) if is_ours and self._leaves else self.attributes(attributes),
            [self._event(event) for event in span.events],
            [_Seen(link, "", self.attributes(link.attributes)) if link.attributes else link for link in span.links],
            self._status(span.status),
        )

    def attributes(self, attributes: Attributes) -> dict[str, Any]:
        """Return what leaves of attributes of anybody."""
        told = {}
        for name, value in attributes.items():
            try:
                leaves = self._value(kind_of(name), value)
            except Exception as error:  # noqa: BLE001 -- such as a list that is too deep
                _say_left_out(error)
                continue
            if leaves is not ABSENT:
                told[name] = leaves
        return told

    def _own(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return what leaves of attributes of a span of our own, whose contents are masked."""
        failed = []
        for name, value in attributes.items():
            kind = type(value)
            try:
                if kind is str:
                    stays = _stays(name)
                    if stays is None:
                        stays = is_plain(value)
                    attributes[name] = encodable(value) if stays else self._value(kind_of(name), value)
                elif kind not in NUMBERS:
                    attributes[name] = _clean(value) if _stays(name) else self._value(kind_of(name), value)
            except Exception as error:  # noqa: BLE001 -- such as a list that is too deep
                _say_left_out(error)
                failed.append(name)
        for name in failed:
            del attributes[name]
        return attributes

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
        if kind is Kind.SECRET:
            return MASKED if isinstance(value, str | bytes) else [MASKED]
        if isinstance(value, bytes) and kind is Kind.OTHER:
            return value
        value = _clean(value)
        if kind is Kind.STATED or isinstance(value, bool | int | float | None):
            return value
        is_plain_one = kind is Kind.PLAIN and _all_plain(value)
        if not self._leaves and kind in {Kind.CONTENT, Kind.PLAIN} and not is_plain_one:
            return ABSENT
        if is_plain_one:
            return value
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


def _say_left_out(error: Exception) -> None:
    say_once(f"an attribute could not be masked, and is left out ({type(error).__name__})", error)


@lru_cache(maxsize=2048)
def _stays(name: str) -> bool | None:
    """Tell whether a text by that name on a span of ours stays as it is; None: where it is plain.

    What is content by a name of the conventions we have told ourselves, masked.
    """
    kind = kind_of(name)
    if kind is Kind.PLAIN:
        return None
    return kind is Kind.STATED or (kind is Kind.CONTENT and name.startswith(CONVENTIONS))


def _copied(attributes: Attributes) -> dict[str, Any]:
    """Return attributes as a dict; those of the SDK take a lock each time that they are looked at one by one."""
    copy = getattr(attributes, "copy", None)
    return dict(attributes if copy is None else copy())


def _encodable_name(name: Any) -> str:
    return encodable(name if isinstance(name, str) else str(name))


def _clean(value: Any) -> Any:
    """Return a value of texts that UTF-8 can hold, and of lists and dicts of them."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, bytes):  # as what may be a text; who sends a picture there does not want it either
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return (
        {_encodable_name(name): _clean(each) for name, each in value.items()} if isinstance(value, Mapping) else value
    )


def _all_plain(value: Any) -> bool:
    if isinstance(value, str):
        return is_plain(value)
    if isinstance(value, dict):
        return all(_all_plain(each) for pair in value.items() for each in pair)
    return not isinstance(value, list) or all(_all_plain(each) for each in value)


def _is_harmless(name: str, value: Any) -> bool:
    """Tell whether an attribute of an event that tells of contents is none."""
    kind = kind_of(name) or kind_of(f"gen_ai.event.{name}")  # such as `role`, or `content`
    if kind is Kind.STATED or isinstance(value, bool | int | float):
        return True
    return kind is Kind.PLAIN and _all_plain(_clean(value))


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
