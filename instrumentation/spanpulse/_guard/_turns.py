"""Which running texts of a stream are over before it is, so that nothing waits for how their last word goes on.

Events of Anthropic and of OpenAI's responses say so. Chunks of choices do not: there a model thinks, answers and calls
tools by turns, and what is said of one is over, for the time being, when a chunk says something of another and nothing
of it. Not known: when texts in items of an application's own are over.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from spanpulse._guard._fields import ANSWERS, THOUGHTS
from spanpulse._guard._texts import PLACES, THOUGHT, Slot, members_of

__all__ = ["Turns"]

Channel = tuple[Any, ...]
CHOICES: Final = ("choices", "candidates")
AT: Final = len(PLACES)
STOPS: Final = re.compile(r"content_block_stop|response\..*\.done")


class Turns:
    """What each choice of a stream says last."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[Any, set[str]] = {}

    def over(self, item: Any, slots: Iterable[Slot], channels: Iterable[Channel]) -> list[Channel]:
        """Return those of the ``channels`` that are over now that an item with ``slots`` has come."""
        now: dict[Any, set[str]] = {}
        for slot in slots:
            choice = _choice(slot.channel)
            if choice is not None and slot.text:
                now.setdefault(choice, set()).add(_kind(slot.channel))
        past = {(choice, kind) for choice, kinds in now.items() for kind in self._last.get(choice, kinds) - kinds}
        self._last.update(now)
        places = _closed(item)
        if not past and places is None:
            return []
        return [each for each in channels if (_choice(each), _kind(each)) in past or each[1:AT] == places]


def _choice(channel: Channel) -> Any:
    return channel[AT + 1] if len(channel) > AT + 1 and channel[AT] in CHOICES else None


def _kind(channel: Channel) -> str:
    if THOUGHT in channel or not THOUGHTS.isdisjoint(channel):
        return "thought"
    return "answer" if channel[-1] in ANSWERS else "other"


def _closed(item: Any) -> Channel | None:
    """Return where the texts are that an event closes."""
    members = members_of(item) or {}
    kind = members.get("type")
    if not isinstance(kind, str) or not STOPS.fullmatch(kind):
        return None
    return tuple(members.get(name) for name in PLACES[1:])
