"""Exposures: that a user has met a variant, told once by a process as OpenTelemetry's event `feature_flag.evaluation`.

The event names the user by a hash (docs/assignment.md). It is put on the current span if that is kept, else it goes the
way of all events, in a thread of ours. Guarantee: what a process remembers of whom it told is bounded, `SETS` times
`WAYS` numbers of 8 bytes; whoever was not seen for the longest time is forgotten first, and told again. Not guaranteed:
that an exposure is told only once, by threads at the same moment, or by several processes; the first counts.
"""

from array import array
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import trace

from spanpulse._events import Event
from spanpulse._experiments._hash import user_hash
from spanpulse._scores._give import give
from spanpulse._state import State

__all__ = ["Seen", "tell"]

SETS: Final = 1 << 15
WAYS: Final = 4
MASK: Final = (1 << 64) - 1
EVENT: Final = "feature_flag.evaluation"
PROVIDER: Final = "spanpulse"
MOST_ON_A_SPAN: Final = 32
"""Events: OpenTelemetry drops a span's oldest ones beyond 128, and those may be the application's."""


class Seen:
    """Remembers exposures by their hashes, for one state of the process: another one may send them elsewhere."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._hashes = array("Q", bytes(8 * SETS * WAYS))

    def is_new(self, exposure: object) -> bool:
        """Tell whether an exposure is not among those that are remembered; it is from now on."""
        key = hash(exposure) & MASK or 1  # 0 is an empty place
        hashes, first = self._hashes, key % SETS * WAYS
        if hashes[first] == key:
            return False
        ways = hashes[first : first + WAYS]
        is_new = key not in ways
        if is_new:
            ways.pop()
        else:
            ways.remove(key)
        ways.insert(0, key)
        # Without a lock: threads at the same moment can only make it forget one, which is told again then.
        hashes[first : first + WAYS] = ways
        return is_new


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event that waits for a thread of ours."""

    event: Event
    state: State

    @property
    def size(self) -> int:
        return 512

    def forget(self) -> None:
        """Nothing: it holds no content."""

    def finish(self) -> None:
        give(self.event, self.state, "exposures to experiments")


def tell(experiment: str, variant: str, user: bytes, state: State) -> None:
    """Tell that a user has met a variant."""
    told = {
        "feature_flag.key": experiment,
        "feature_flag.result.variant": variant,
        "feature_flag.result.reason": "split",
        "feature_flag.provider.name": PROVIDER,
        "feature_flag.context.id": user_hash(user),
    }
    span = trace.get_current_span()
    context = span.get_span_context()
    if span.is_recording() and context.trace_flags.sampled and _has_room(span):
        span.add_event(EVENT, told)
        return
    ids = (context.trace_id, context.span_id, int(context.trace_flags)) if context.is_valid else ()
    state.background.put(_Waiting(_event(told, *ids), state))


def _event(told: dict[str, str], trace_id: int = 0, span_id: int = 0, trace_flags: int = 0) -> Event:
    return Event(EVENT, attributes=told, trace_id=trace_id, span_id=span_id, trace_flags=trace_flags)


def _has_room(span: Any) -> bool:
    return len(getattr(span, "events", ())) < MOST_ON_A_SPAN
