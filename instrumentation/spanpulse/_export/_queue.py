"""What waits to be sent, in order: a bounded number of bytes in memory, and what is beyond it on disk.

Guarantee: batches with the same key leave in the order in which they came, and each is sent, lost and told so, or here.
Memory holds ``most_bytes`` at most, the batch under way included. Where a folder is given, the oldest go there to make
room, and what is more than memory may hold at once; where there is no room at all, it is the newest that is lost. Small
batches of one resource are joined while they wait: an OTLP request behind another is one request. Safe to use from
threads.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from spanpulse._export._encode import MOST_RECORDS, TARGET
from spanpulse._export._spill import Spill, Spilled
from spanpulse._export._transport import Batch, Signal

__all__ = ["Queue"]

AROUND: Final = 256  # bytes that a batch takes beside its body
ADOPT_EVERY_S: Final = 60.0


@dataclass(slots=True)
class _Waiting:
    """Batches that will be sent as one; ``first`` is the place of the first of them."""

    first: int
    signal: Signal
    key: bytes
    count: int = 0
    size: int = 0
    parts: list[bytes] = field(default_factory=list)

    def takes(self, batch: Batch) -> bool:
        return self.count + batch.count <= MOST_RECORDS and self.size + len(batch.body) <= TARGET

    def add(self, batch: Batch) -> None:
        self.parts.append(batch.body)
        self.count += batch.count
        self.size += len(batch.body) + AROUND

    def read(self) -> Batch:
        return Batch(self.signal, b"".join(self.parts), self.count, self.key)


class Queue:
    """First in, first out; one batch at a time is under way, from `take` to `done`."""

    def __init__(self, most_bytes: int, spill: Spill | None = None) -> None:
        self._most_bytes = most_bytes
        self._spill = spill
        self._changed = threading.Condition()
        self._memory: deque[_Waiting] = deque()
        self._joinable: dict[tuple[Signal, bytes], _Waiting] = {}
        self._under_way: _Waiting | Spilled | None = None
        self._settling = math.inf
        self._adopting_at = -math.inf
        self._hurry = False
        self._counts: Counter[Signal] = Counter()
        self.bytes = 0
        """Bytes in memory, all told."""
        self.spilled = 0
        """Records that were written to disk so far."""
        self.number = 0
        """How many batches were put so far."""
        self.closed = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._has_some()

    def count(self, signal: Signal) -> int:
        """Return how many records of a signal are here, the batch under way included."""
        return self._counts[signal]

    def put(self, batch: Batch) -> bool:
        """Have a batch sent; tell whether there was room for it."""
        with self._changed:
            self.number += 1
            if self.closed:
                return False
            if self._make_room(len(batch.body) + AROUND):
                self.bytes += len(batch.body) + AROUND
                self._join(batch)
            elif not self._spill_newest(batch):
                return False
            self._counts[batch.signal] += batch.count
            self._changed.notify_all()
            return True

    def take(self, within: float) -> Batch | None:
        """Return the oldest batch, when there is one, and hold it until `done`; None after ``within`` s or at the end.

        Raises Damaged for one on disk that cannot be read; it is held too, as `under_way` says.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.closed or self._has_some(), within) or self.closed:
                return None
            self._under_way = self._next()
            return self._under_way.read()

    @property
    def under_way(self) -> tuple[Signal, int]:
        """Signal and count of the batch that was taken last."""
        held = self._under_way
        assert held is not None
        return held.signal, held.count

    @contextmanager
    def done(self) -> Iterator[bool]:
        """Let go of the batch under way; who waits for it waits for the block too, which is to count what became of it.

        Gives false if it was let go at the end, and counted then.
        """
        held = self._let_go()
        try:
            yield held is not None
        finally:
            with self._changed:
                self._settling = math.inf
                self._changed.notify_all()

    def adopt(self) -> list[tuple[Signal, int]]:
        """Take over what processes that are gone have left on disk, now and then; return how much that was."""
        with self._changed:
            if self._spill is None or self.closed or time.monotonic() < self._adopting_at:
                return []
            self._adopting_at = time.monotonic() + ADOPT_EVERY_S
            found = [(file.signal, file.count) for file in self._spill.adopt()]
            for signal, count in found:
                self._counts[signal] += count
            return found

    def wait(self, number: int, within: float) -> bool:
        """Wait until nothing that was put up to ``number`` is here; tell whether that is so."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._oldest() > number, within)

    def pause(self, seconds: float, *, firm: bool) -> None:
        """Wait before a batch is sent again: until the end at most; if not ``firm``, until somebody waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or (self._hurry and not firm), seconds)
            self._hurry = False

    def close(self) -> list[tuple[Signal, int]]:
        """Take nothing any more: what is here goes to disk, or is returned as lost (signal and count of each batch)."""
        with self._changed:
            self.closed = True
            if self._spill is not None:
                self._spill_all(self._spill)
            held = [] if self._under_way is None else [self._under_way]
            lost = [(each.signal, each.count) for each in (*held, *self._memory) if isinstance(each, _Waiting)]
            for signal, count in lost:
                self._counts[signal] -= count
            self._memory.clear()
            self._joinable.clear()
            self._under_way = None
            self.bytes = 0
            if self._spill is not None:
                self._spill.close()
            self._changed.notify_all()
            return lost

    def forget(self) -> None:
        """In the child of a fork: this is the parent's."""
        if self._spill is not None:
            self._spill.forget()

    def _let_go(self) -> _Waiting | Spilled | None:
        with self._changed:
            self._settling = self._oldest()
            held, self._under_way = self._under_way, None
            if held is not None:
                self._counts[held.signal] -= held.count
            if isinstance(held, Spilled):
                self._remove(held)
            elif held is not None:
                self.bytes -= held.size
            return held

    def _has_some(self) -> bool:
        return bool(self._memory or (self._spill is not None and (self._spill.files or self._spill.adopted)))

    def _next(self) -> _Waiting | Spilled:
        if self._spill is not None and self._spill.files:
            return self._spill.files[0]
        if self._memory:
            oldest = self._memory.popleft()
            if self._joinable.get((oldest.signal, oldest.key)) is oldest:
                del self._joinable[oldest.signal, oldest.key]
            return oldest
        assert self._spill is not None
        return self._spill.adopted[0]

    def _remove(self, file: Spilled) -> None:
        assert self._spill is not None
        self._spill.remove(file)

    def _join(self, batch: Batch) -> None:
        waiting = self._joinable.get((batch.signal, batch.key))
        if waiting is None or not waiting.takes(batch):
            waiting = _Waiting(self.number, batch.signal, batch.key)
            self._joinable[batch.signal, batch.key] = waiting
            self._memory.append(waiting)
        waiting.add(batch)

    def _make_room(self, size: int) -> bool:
        """Bring the oldest to disk until there is room; the one under way stays, for it is sent again from memory."""
        while self.bytes + size > self._most_bytes:
            if self._spill is None or not self._memory or not self._spill_oldest(self._spill):
                return False
        return True

    def _spill_oldest(self, spill: Spill) -> bool:
        oldest = self._memory[0]
        if not spill.write(oldest.first, oldest.read()):
            return False
        self._memory.popleft()
        if self._joinable.get((oldest.signal, oldest.key)) is oldest:
            del self._joinable[oldest.signal, oldest.key]
        self.bytes -= oldest.size
        self.spilled += oldest.count
        return True

    def _spill_newest(self, batch: Batch) -> bool:
        """Bring one to disk that memory is too small for; not past older ones that had no room there."""
        if self._spill is None or self._memory or not self._spill.write(self.number, batch):
            return False
        self.spilled += batch.count
        return True

    def _spill_all(self, spill: Spill) -> None:
        if isinstance(self._under_way, _Waiting):
            self._memory.appendleft(self._under_way)
            self._under_way = None
        while self._memory and self._spill_oldest(spill):
            pass

    def _oldest(self) -> float:
        """Return the place of the oldest batch that was put here."""
        return min(self._places())

    def _places(self) -> Iterator[float]:
        yield self._settling
        adopted = self._spill.adopted if self._spill is not None else ()
        if self._under_way is not None and self._under_way not in adopted:
            yield self._under_way.first
        if self._memory:
            yield self._memory[0].first
        if self._spill is not None and self._spill.files:
            yield self._spill.files[0].first
