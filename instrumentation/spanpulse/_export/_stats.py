"""What became of spans and events, counted exactly, and said: metrics, and one line of the log for each reason.

Guarantee: whenever nothing moves, taken = sent + dropped + waiting, for spans and for events. The metrics are those of
OpenTelemetry's conventions for SDKs: `otel.sdk.exporter.span.exported` with `error.type` for what was dropped,
`otel.sdk.exporter.span.inflight` for what waits, and the same of `log`. They go to the application's MeterProvider.
"""

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from spanpulse._export._transport import Signal
from spanpulse._log import LOG

__all__ = ["Stats"]

NAMES: Final[dict[Signal, tuple[str, str]]] = {"traces": ("span", "{span}"), "logs": ("log", "{log_record}")}
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs")


@dataclass(slots=True)
class _Tally:
    """Counts of one signal."""

    taken: int = 0
    sent: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Stats:
    """Counts of one exporter in one process; safe to use from threads.

    ``to_encode`` and ``to_send`` tell how many records are there that nothing is decided about yet; the former are not
    among those that `take` was told.
    """

    def __init__(
        self,
        component: str,
        to_encode: Callable[[Signal], int],
        to_send: Callable[[Signal], int],
        waiting_bytes: Callable[[], int],
    ) -> None:
        self._component = component
        self._to_encode = to_encode
        self._to_send = to_send
        self._waiting_bytes = waiting_bytes
        self.begin()

    def begin(self) -> None:
        """Count from zero: a child of a fork has taken nothing yet."""
        self._lock = threading.RLock()
        self._tallies = {signal: _Tally() for signal in SIGNALS}
        self._instruments: dict[Signal, Any] = {}
        self.retries = 0
        """Attempts to send that had to be repeated."""
        self.spilled = 0
        """Spans and events that were written to disk."""

    def take(self, signal: Signal, count: int) -> None:
        """Count what was given to the exporter."""
        with self._lock:
            self._tallies[signal].taken += count

    def send(self, signal: Signal, count: int) -> None:
        """Count what the receiver has acknowledged."""
        with self._lock:
            self._tallies[signal].sent += count
        self._report(signal, count, {})

    def drop(self, signal: Signal, count: int, reason: str, detail: str = "") -> None:
        """Count what is lost, and say so the first time for each reason."""
        if not count:
            return
        with self._lock:
            first = not any(reason in tally.dropped for tally in self._tallies.values())
            self._tallies[signal].dropped[reason] += count
        if first:
            said = f": {detail}" if detail else ""
            LOG.warning("%s are dropped, and counted (%s%s)", "spans" if signal == "traces" else "events", reason, said)
        self._report(signal, count, {"error.type": reason})

    def told(self) -> dict[str, Any]:
        """Return all counts: spans and events together, each apart, and the bytes that wait."""
        with self._lock:
            each = {signal: self._told(signal) for signal in SIGNALS}
            dropped = sum((tally.dropped for tally in self._tallies.values()), Counter[str]())
        both = {name: each["traces"][name] + each["logs"][name] for name in ("taken", "sent", "waiting")}
        more = {"retries": self.retries, "spilled": self.spilled, "waiting_bytes": self._waiting_bytes()}
        return {**both, "dropped": dict(dropped), **more, "spans": each["traces"], "events": each["logs"]}

    def finish(self) -> None:
        """Say how much was lost in all, at the end."""
        with self._lock:
            lost = sum((tally.dropped for tally in self._tallies.values()), Counter[str]())
            sent = sum(tally.sent for tally in self._tallies.values())
        if lost:
            why = ", ".join(f"{reason}: {count}" for reason, count in lost.most_common())
            LOG.warning("%d spans and events were dropped (%s), %d were sent", lost.total(), why, sent)

    def _told(self, signal: Signal) -> dict[str, Any]:
        tally, to_encode = self._tallies[signal], self._to_encode(signal)
        return {
            "taken": tally.taken + to_encode,
            "sent": tally.sent,
            "dropped": dict(tally.dropped),
            "waiting": to_encode + self._to_send(signal),
        }

    def _waiting(self, signal: Signal) -> int:
        return self._to_encode(signal) + self._to_send(signal)

    def _report(self, signal: Signal, count: int, attributes: dict[str, str]) -> None:
        if signal not in self._instruments:
            self._instruments[signal] = self._make(signal)
        self._instruments[signal].add(count, {**self._named(signal), **attributes})

    def _make(self, signal: Signal) -> Any:
        from opentelemetry import metrics  # noqa: PLC0415 -- nobody needs it before the first batch

        (name, unit), meter, ours = NAMES[signal], metrics.get_meter("spanpulse"), weakref.ref(self)

        def observe(_options: Any) -> Iterator[Any]:
            if (stats := ours()) is not None:
                yield metrics.Observation(stats._waiting(signal), stats._named(signal))  # noqa: SLF001 -- our own

        meter.create_observable_up_down_counter(
            f"otel.sdk.exporter.{name}.inflight",
            [observe],
            unit,
            "The number of records which were passed to the exporter, but that have not been exported yet.",
        )
        return meter.create_counter(
            f"otel.sdk.exporter.{name}.exported",
            unit,
            "The number of records for which the export has finished, either successful or failed.",
        )

    def _named(self, signal: Signal) -> dict[str, str]:
        kind = f"{self._component}_{NAMES[signal][0]}_exporter"
        return {"otel.component.type": kind, "otel.component.name": f"{kind}/spanpulse"}
