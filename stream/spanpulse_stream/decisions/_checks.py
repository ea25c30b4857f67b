"""What a decision may say: each member's type, range and length, as the columns have them that it fills.

Not guaranteed: that the span it names is there.
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from spanpulse_stream.usage import CONTEXT_FIELDS, REASONS

__all__ = ["LONGEST_TEXT", "NoDecisions", "checked_decision", "checked_number"]

LONGEST_TEXT: Final = 1024  # bytes, as for the same words of a span
MOST: Final = {
    "log_source": 2**32 - 1,
    "log_offset": 2**63 - 1,
    "ordinal": 2**31 - 1,
    "received_at": 2**16 * 86_400_000 - 1,  # the last day that a Date holds
}
"""The largest of each number; the smallest is 0."""
DIGITS: Final = {"trace_id": re.compile(r"[0-9a-f]{32}"), "span_id": re.compile(r"[0-9a-f]{16}")}
NEEDED: Final = frozenset({"log_offset", "ordinal", "received_at", "tenant", "trace_id", "span_id", "reason"})
CHANGES: Final = frozenset({"dropped", "discounted", *CONTEXT_FIELDS})


class NoDecisions(ValueError):  # noqa: N818 -- what it is
    """A message that this version cannot read as decisions; the message says why."""


def checked_decision(told: Any, names: AbstractSet[str]) -> dict[str, Any]:
    """Return the members of a decision, all of which are in ``names``. Raises NoDecisions."""
    if not isinstance(told, dict) or not NEEDED <= told.keys() <= names:
        raise NoDecisions("a decision has other members than it should")
    if not told.keys() & CHANGES:
        raise NoDecisions("a decision changes nothing")
    for name, value in told.items():
        CHECKS[name](name, value)
    return told


def checked_number(name: str, value: Any) -> int:
    """Return a number of one of MOST's names. Raises NoDecisions."""
    if type(value) is not int or not 0 <= value <= MOST[name]:
        raise NoDecisions(f"its {name} is no number from 0 to {MOST[name]}")
    return value


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not 0 < _bytes_of(value) <= LONGEST_TEXT:
        raise NoDecisions(f"its {name} is no text of 1 to {LONGEST_TEXT} bytes")


def _bytes_of(text: str) -> int:
    """Return how many bytes a text has; 0 for half a surrogate pair, which is no text."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 0


def _check_digits(name: str, value: Any) -> None:
    if not isinstance(value, str) or not DIGITS[name].fullmatch(value):
        raise NoDecisions(f"its {name} is no id")


def _check_reason(_name: str, value: Any) -> None:
    if value not in REASONS:
        raise NoDecisions("its reason is none that is known")


def _check_true(name: str, value: Any) -> None:
    if value is not True:
        raise NoDecisions(f"its {name} is not true")


CHECKS: Final[dict[str, Callable[[str, Any], object]]] = {
    **dict.fromkeys(("log_offset", "ordinal", "received_at"), checked_number),
    **dict.fromkeys(DIGITS, _check_digits),
    **dict.fromkeys(("dropped", "discounted"), _check_true),
    **dict.fromkeys(("tenant", *CONTEXT_FIELDS), _check_text),
    "reason": _check_reason,
}
