"""What a text is about, by a function of the application's own: a classifier, a list of words, another model."""

import inspect
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from spanpulse._guard._check import Answer
from spanpulse._guard._finding import Finding

__all__ = ["Topics", "topics_of"]

TopicOf = Callable[[str], Any]


class Topics:
    """Finds texts that are about something else than what is allowed."""

    version = "1"
    whole = True

    def __init__(self, topic_of: TopicOf, allowed: frozenset[str] | None, name: str) -> None:
        self.name = name
        self._topic_of = topic_of
        self._allowed = allowed

    def check(self, text: str) -> Answer:
        """Return what the text is about, if that is not allowed. Raises TypeError where the function says no topic."""
        said = self._topic_of(text)
        return self._judged_later(said) if inspect.isawaitable(said) else self._judged(said)

    async def _judged_later(self, said: Awaitable[Any]) -> Finding | None:
        return self._judged(await said)

    def _judged(self, said: Any) -> Finding | None:
        if self._allowed is None:
            if not isinstance(said, bool):
                raise TypeError("without a list of allowed topics the function says True or False")
            return None if said else Finding(label="topic")
        found = {said} if isinstance(said, str) else set(said or ())
        others = sorted(str(topic) for topic in found - self._allowed)
        return Finding(label=others[0], explanation=", ".join(others)) if others else None


def topics_of(topic_of: TopicOf, allowed: Collection[str] | None, name: str) -> Topics:
    """Return the check for a function of either kind. Raises TypeError, ValueError for what cannot be."""
    if not callable(topic_of):
        raise TypeError("topics needs a function of a text")
    if isinstance(allowed, str) or (allowed is not None and not allowed):
        raise ValueError("allowed is a list of topics, of at least one")
    return Topics(topic_of, None if allowed is None else frozenset(allowed), name)
