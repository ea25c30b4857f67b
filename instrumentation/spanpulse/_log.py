"""Saying things once: what is wrong with an instrumentation concerns an application's log, but not at every call."""

import logging
from typing import Final

__all__ = ["LOG", "say_once"]

LOG: Final = logging.getLogger("spanpulse")
MOST: Final = 200  # different sentences; none is said beyond that

_said: Final[set[str]] = set()


def say_once(sentence: str, error: BaseException | None = None) -> None:
    """Log a sentence as a warning, with where ``error`` came from, the first time that it is said."""
    if sentence in _said or len(_said) >= MOST:
        return
    _said.add(sentence)
    LOG.warning(sentence, exc_info=error)
