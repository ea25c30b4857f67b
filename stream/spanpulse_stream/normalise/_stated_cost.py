"""What a call costs as its emitter says, exactly as it was written: attributes, Langfuse's details, OpenRouter's usage.

The attributes stay where they are: a price book that knows the model has the better number. Nothing raises; what can
be no cost is noted and left out. Every cost is taken for US dollars, as all of these emitters say.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

import numpy as np

from spanpulse_stream.columns import Numbers
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._classify import Nature
from spanpulse_stream.normalise._json import literal, parsed
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise._tables import KEYS, TABLES, scope_of

__all__ = ["STATED_IN", "stated_costs", "stated_in"]

MOST_USD: Final = 10**6
_PICO: Final = Decimal("1e-12")
_LONGEST: Final = 64  # characters of a number

STATED_IN: Final = tuple(
    key
    for key, place in KEYS.index.items()
    if np.isin(TABLES.slots[:, place], (Slot.STATED_COST, Slot.COST_DETAILS)).any()
)
"""Attributes that state a cost in some dialect."""


def stated_in(emitter: str, attributes: Mapping[str, str]) -> int | None:
    """Return the cost in 1e-12 USD that the attributes of a stored call state, None for none.

    ``emitter`` is the name of its instrumentation scope. The answer is that of `stated_costs`, but for a cost that
    stood in an object of usage or in a response: those are not stored as they were.
    """
    stating = _stating(scope_of(emitter).dialect)
    cost, details = (next((attributes[key] for key in keys if attributes.get(key)), None) for keys in stating)
    told = cost if cost is not None else _total(_object(details))
    return None if told is None else _picodollars(told)


@lru_cache(maxsize=64)
def _stating(dialect: int) -> tuple[list[str], list[str]]:
    """Return the attributes that state a cost in a dialect, and those that hold its parts; the preferred ones first."""
    places = {key: KEYS.index[key] for key in STATED_IN}
    ordered = sorted(places, key=lambda key: -int(TABLES.preference[dialect, places[key]]))
    cost, details = (
        [key for key in ordered if TABLES.slots[dialect, places[key]] == slot]
        for slot in (Slot.STATED_COST, Slot.COST_DETAILS)
    )
    return cost, details


def stated_costs(resolved: Resolved, nature: Nature, responses: Mapping[int, dict[str, Any]]) -> Numbers:
    """Return the costs of calls in 1e-12 USD, NULL where none is stated; ``responses`` holds raw ones by span."""
    out = Numbers.absent(resolved.spans.size)
    rows = np.zeros(out.valid.size, np.bool_)
    for slot in (Slot.STATED_COST, Slot.COST_DETAILS, Slot.USAGE):
        if resolved.found[slot]:
            rows |= resolved.has(slot)
    rows[list(responses)] = True
    for row in np.flatnonzero(rows & nature.is_call).tolist():
        told = _told(resolved, row, responses.get(row, {}))
        cost = None if told is None else _picodollars(told)
        if cost is not None:
            out.values[row], out.valid[row] = cost, True
        elif told is not None:
            resolved.spans.anomalies.note_row(Anomaly.COST_OUT_OF_RANGE, row)
    return out


def _told(resolved: Resolved, row: int, response: dict[str, Any]) -> Any:
    """Return the first cost that a span states, whatever it is; None where it states none."""
    told = resolved.value(Slot.STATED_COST, row)
    if told is None:
        told = _total(_object(resolved.value(Slot.COST_DETAILS, row)))
    for usage in (resolved.value(Slot.USAGE, row), response.get("usage")):
        if told is None and not (isinstance(usage, str) and "cost" not in usage):  # most need no reading
            told = _object(usage).get("cost")
    return told


def _total(details: dict[str, Any]) -> Any:
    """Return the total of a cost's parts as it is written, or else their sum, as Langfuse does."""
    if not details or details.get("total") is not None:
        return details.get("total")
    parts = [_dollars(part) for part in details.values() if part is not None]
    known = [part for part in parts if part is not None]
    return str(sum(known)) if len(known) == len(parts) else ""


def _object(value: Any) -> dict[str, Any]:
    value = parsed(value) if isinstance(value, str) else value
    value = literal(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


def _picodollars(told: Any) -> int | None:
    cost = _dollars(told)
    return None if cost is None else int(cost.quantize(_PICO, ROUND_HALF_EVEN).scaleb(12))


def _dollars(told: Any) -> Decimal | None:
    """Return a cost as it is written (0.3 is three tenths), None for what can be none."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        text = str(told)
        cost = Decimal("" if len(text) > _LONGEST or "_" in text else text)
    except (InvalidOperation, ValueError):  # no number, or an integer of thousands of digits
        return None
    return cost if cost.is_finite() and 0 <= cost <= MOST_USD else None
