"""Saying things once: what is wrong with an instrumentation concerns an application's log, but not at every call."""

import logging
from typing import Final

__all__ = ["LOG", "say_once", "wordless"]

LOG: Final = logging.getLogger("spanpulse")
MOST: Final = 200  # different sentences; none is said beyond that

_said: Final[set[str]] = set()


class Unsaid(Exception):  # noqa: N818 -- named by what it is
    """Stands for an error in the log, by the name of its class."""


def wordless(error: BaseException) -> BaseException:
    """Return where an error came from without its words, which may repeat the text that was worked on."""
    return Unsaid(type(error).__qualname__).with_traceback(error.__traceback__)


def say_once(sentence: str, error: BaseException | None = None) -> None:
    """Log a sentence as a warning, with where ``error`` came from, the first time that it is said."""
    if sentence in _said or len(_said) >= MOST:
        return
    _said.add(sentence)
    LOG.warning(sentence, exc_info=error)
