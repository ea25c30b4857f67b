"""The position of a dead letter in the log, by which it is named: `source/offset/ordinal`."""

import re
from typing import NamedTuple, Self

__all__ = ["WHOLE_MESSAGE", "Position"]

WHOLE_MESSAGE = -1  # the ordinal of a letter that is no single record
FORM = re.compile(r"([0-9]{1,10})/([0-9]{1,19})/(-1|[0-9]{1,10})")


class Position(NamedTuple):
    """Number of the log source, offset of the message, and the record's place in it (`WHOLE_MESSAGE`: all of it)."""

    source: int
    offset: int
    ordinal: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that a text names. Raises ValueError."""
        if (match := FORM.fullmatch(text)) is None:
            raise ValueError(
                f"{text!r} is no position; `spanpulse dead-letters list` shows them: source/offset/ordinal"
            )
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.source}/{self.offset}/{self.ordinal}"
