"""An event of OpenTelemetry (a log record with a name), and what of its attributes OTLP has values for.

Guarantee: what is no value of OTLP is left out, not raised for. Not guaranteed: an order among events.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

__all__ = ["Event", "values_of"]

LARGEST: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, when, and to which span; ids are 0 where it belongs to none."""

    name: str
    time_ns: int = field(default_factory=time.time_ns)
    """ns since the epoch"""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    trace_id: int = 0
    span_id: int = 0
    trace_flags: int = 0


def values_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that are values of OTLP, and texts as UTF-8 can hold them."""
    return {name: _value(value) for name, value in attributes.items() if _is_value(value)}


def _is_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -LARGEST <= value < LARGEST
    return isinstance(value, str | bytes | Sequence)


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int | float | bytes):
        return value
    return [_value(each) for each in value if _is_value(each)]
