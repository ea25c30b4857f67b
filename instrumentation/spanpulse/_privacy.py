"""What becomes of texts before they leave the process: left out, masked, cut.

Runs in a thread of ours, never in the application's. Guarantee: what a pattern finds is replaced before a span has it;
a mask of the application's own that fails leaves the text out. Not guaranteed: that every name, address or number of a
person is found; a pattern finds what looks like one, and numbers with check digits only where those are right.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from spanpulse._log import say_once, wordless
from spanpulse._personal import find_personal

__all__ = ["Content", "Mask", "mask_known"]

Mask = Callable[[str], str]
LEFT_OUT: Final = "<LEFT OUT>"
FORM: Final = {"role", "type", "finish_reason", "modality"}
FORM_WORDS: Final = {
    *("system", "developer", "user", "assistant", "tool", "text", "reasoning", "tool_call", "tool_call_response"),
    *("refusal", "blob", "file", "uri", "image", "audio", "video", "stop", "length", "content_filter", "error"),
}
"""What the form of messages is made of: with other words in their places nobody could read one."""
SHORTEST_NUMBER: Final = 10**11  # of a card, given as a number


def mask_known(text: str) -> str:
    """Return a text in which what looks like a key, address or number of somebody is `<KEY>`, `<EMAIL>` and so on."""
    found = find_personal(text)
    if not found:
        return text
    made, end = [], 0
    for each in found:
        made += [text[end : each.start], f"<{each.kind}>"]
        end = each.end
    return "".join(made) + text[end:]


@dataclass(frozen=True)
class Content:
    """The policy for content: ``masks`` one after another, then at most ``longest`` characters of each text."""

    masks: tuple[Mask, ...] = (mask_known,)
    longest: int = 16_384
    patterns: tuple[str, ...] = field(default=())
    """Regular expressions of the application's own; what they find becomes `<MASKED>`."""

    def __post_init__(self) -> None:
        """Add the patterns to the masks. Raises re.error for one that is none."""
        own = tuple(_masking(re.compile(pattern)) for pattern in self.patterns)
        object.__setattr__(self, "masks", (*own, *self.masks))

    def text(self, text: str) -> str:
        """Return what leaves of a text."""
        try:
            for mask in self.masks:
                text = mask(text)
            size = len(text)
        except Exception as error:  # noqa: BLE001 -- the application's own, and nothing may leave unmasked
            say_once(f"a mask failed ({type(error).__name__}); texts that it fails for are left out", wordless(error))
            return LEFT_OUT
        return text if size <= self.longest else f"{text[: self.longest]}… ({size} characters)"

    def value(self, value: Any) -> Any:
        """Return what leaves of a JSON value: each text and long number by `text`, and names that are no plain words.

        Form stays. Of members whose names leave as the same one is left.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        if isinstance(value, int) and abs(value) >= SHORTEST_NUMBER:
            said = str(value)
            return value if (told := self.text(said)) == said else told
        if isinstance(value, dict):
            return {
                self._name(name): inner if _is_form(name, inner) else self.value(inner) for name, inner in value.items()
            }
        return [self.value(inner) for inner in value] if isinstance(value, Iterable) else value

    def _name(self, name: Any) -> Any:
        return self.text(name) if isinstance(name, str) and not name.isidentifier() else name


def _masking(pattern: "re.Pattern[str]") -> Mask:
    return lambda text: pattern.sub("<MASKED>", text)


def _is_form(name: Any, value: Any) -> bool:
    return name in FORM and isinstance(value, str) and value in FORM_WORDS
