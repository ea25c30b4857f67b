"""Is this process fit to serve? A judgement from what its parts report, made when somebody asks.

Parts push what they know: a condition that holds (with a detail for a person), and how far each partition is.
The pipeline stands still when records wait and the committed offset has not moved for `stalled_after` seconds.
Nothing here looks for itself: a part that reports nothing is believed to be well. Safe to use from threads.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Condition", "Health", "Reason"]

STUCK_AFTER = 3  # times `stalled_after`


class Condition(Enum):
    """Why a process is not ready, or soon may not be."""

    STARTING = "starting"
    STOPPING = "stopping"
    PIPELINE_STALLED = "pipeline_stalled"
    LOG_FULL = "log_full"
    DISK_LOW = "disk_low"
    DATABASE_FAILING = "database_failing"
    KAFKA_FAILING = "kafka_failing"
    KEYS_UNKNOWN = "keys_unknown"
    DISK_NEAR_CAP = "disk_near_cap"  # from here on warnings: the process serves as before
    OPERATION_UNFINISHED = "operation_unfinished"
    LAG_UNKNOWN = "lag_unknown"


WARNINGS = frozenset({Condition.DISK_NEAR_CAP, Condition.OPERATION_UNFINISHED, Condition.LAG_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong, with a detail for a person."""

    condition: Condition
    detail: str


@dataclass(slots=True)
class _Partition:
    committed: int
    end: int
    since: float  # when the committed offset moved last, or records began to wait


class Health:
    """What the parts reported; begins as `STARTING`. ``clock`` gives seconds that never run backwards."""

    def __init__(self, clock: Callable[[], float], stalled_after: float = 10.0) -> None:
        self._clock = clock
        self._stalled_after = stalled_after
        self._lock = threading.Lock()
        self._partitions: dict[int | str, _Partition] = {}
        self._paused = False
        self._reported: dict[Condition, tuple[str, float]] = {
            Condition.STARTING: ("not every part has started", float("inf"))
        }

    def report(self, condition: Condition, detail: str, *, for_seconds: float = float("inf")) -> None:
        """Say that ``condition`` holds, until ``clear`` or for that many seconds."""
        with self._lock:
            self._reported[condition] = (detail, self._clock() + for_seconds)

    def clear(self, condition: Condition) -> None:
        """Say that ``condition`` does not hold."""
        with self._lock:
            self._reported.pop(condition, None)

    def started(self) -> None:
        """Say that every part serves."""
        self.clear(Condition.STARTING)

    def pause(self) -> None:
        """Say that the pipeline is held on purpose: until `resume` it does not count as standing still."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """Say that the pipeline goes on; how long records have waited counts from now."""
        now = self._clock()
        with self._lock:
            self._paused = False
            for partition in self._partitions.values():
                partition.since = now

    def progress(self, partition: int | str, *, committed: int | None = None, end: int | None = None) -> None:
        """Say how far a partition is: the next offset to commit, and the next one to be appended.

        Either may be reported alone. May be called for every append and commit, or every second.
        """
        now = self._clock()
        with self._lock:
            known = self._partitions.get(partition)
            if known is None:
                first = committed if committed is not None else end or 0
                known = self._partitions[partition] = _Partition(first, first, now)
            idle = known.end <= known.committed
            if committed is not None and committed != known.committed:
                known.committed, known.since = committed, now
            if end is not None:
                known.end = end
                if idle and end > known.committed:
                    known.since = now

    def forget(self, partition: int | str) -> None:
        """Drop a partition that belongs to another process now."""
        with self._lock:
            self._partitions.pop(partition, None)

    def reasons(self) -> list[Reason]:
        """Return why the process is not ready; nothing means that it is."""
        now = self._clock()
        with self._lock:
            found = [reason for reason in self._holding(now) if reason.condition not in WARNINGS]
            return found + self._stalled(now, self._stalled_after)

    def warnings(self) -> list[Reason]:
        """Return what an operator should know while the process is ready."""
        with self._lock:
            return [reason for reason in self._holding(self._clock()) if reason.condition in WARNINGS]

    def stuck(self) -> list[Reason]:
        """Return the partitions that have stood still for so long that only a restart may help."""
        with self._lock:
            return self._stalled(self._clock(), STUCK_AFTER * self._stalled_after)

    def _holding(self, now: float) -> list[Reason]:
        return [Reason(condition, detail) for condition, (detail, until) in self._reported.items() if until > now]

    def _stalled(self, now: float, after: float) -> list[Reason]:
        found: list[Reason] = []
        for number, partition in [] if self._paused else sorted(self._partitions.items(), key=_place):
            waited = now - partition.since
            if partition.end > partition.committed and waited > after:
                waiting = partition.end - partition.committed
                detail = f"partition {number}: {waiting} messages wait, no progress for {waited:.1f} s"
                found.append(Reason(Condition.PIPELINE_STALLED, detail))
        return found


def _place(item: tuple[int | str, _Partition]) -> tuple[int, str]:
    """Return what partitions are sorted by: numbers as numbers."""
    return (item[0], "") if isinstance(item[0], int) else (0, item[0])
