"""What the spans of all partitions together say about each of them, held against what is stored.

The rules are those of a partition, and the fold is: it runs over the rows of `seen` of all sources. What it says
differently from `span_rows` and `span_updates` was seen by no partition alone, and becomes a decision.

A decision is right whatever is read later, because more spans never undo one: a call that does not count among some
spans does not count among more of them, context comes from the nearest ancestor through links that are all there, and
of spans with the same ids the one that was received first stays (then by source, offset and ordinal), which is stored
for as long as the others are: so of all copies never the last one is dropped, in whichever order they are read. What
was not read yet only makes decisions come later. Not guaranteed: that copies which differ in what they tell lead to
what one partition would have decided; decisions about what has left the window.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.decisions._checks import LONGEST_TEXT
from spanpulse_stream.decisions._message import Decision
from spanpulse_stream.usage import CONTEXT_FIELDS, REASONS, UnionFold, UnionRows, read_words

__all__ = ["COUNTED", "DROPPED", "FILLED", "STORED", "Finding", "Place", "Union"]

# What is stored of a span, as bits: that it is, and, as corrections left it, whether it counts, which of its context
# columns are filled, whether it was dropped.
STORED, COUNTED, DROPPED = 1, 2, 64
FILLED: Final = tuple(4 << place for place in range(len(CONTEXT_FIELDS)))
DUPLICATE: Final = "duplicate"
CONTEXT: Final = REASONS[0]


class Place(NamedTuple):
    """Where a span is stored."""

    log_source: int
    log_offset: int
    ordinal: int


class Finding(NamedTuple):
    """A decision that is called for, and the source whose partition is to apply it."""

    log_source: int
    decision: Decision

    @property
    def place(self) -> Place:
        """Where its span is stored."""
        return Place(self.log_source, self.decision.log_offset, self.decision.ordinal)


class Union:
    """The last ``window`` spans of all sources. ``seed``: 64 random bits, without influence on any result."""

    def __init__(self, window: int, *, seed: int = 0) -> None:
        self._fold = UnionFold(window, seed=seed)
        self._source = np.zeros(window, np.int64)
        self._told = np.zeros(window, np.uint8)
        self._drops: dict[Place, Finding] = {}  # what is to be dropped and is not yet, oldest first
        self._window = window

    def take(self, seen: pa.Table, told: NDArray[np.uint8]) -> None:
        """Take in rows of spans of the table `seen`, of any sources, and for each what `span_rows` has of it (bits)."""
        sources, done = seen["log_source"].to_numpy().astype(np.int64), 0
        for taken in self._fold.fold(seen):
            part = slice(done, done + len(taken.rows))
            done = part.stop
            slots = taken.slots[taken.is_new]
            self._source[slots], self._told[slots] = sources[part][taken.is_new], told[part][taken.is_new]
            self._compare_copies(taken, sources[part], told[part])

    def learn(self, updates: pa.Table) -> None:
        """Take in corrections that partitions made: the columns of `UPDATES` (in _stored.py)."""
        if not len(updates):
            return
        names = ("log_source", "target_log_offset", "target_ordinal", "told", "discounted", "dropped")
        source, offset, ordinal, told, discounted, dropped = (updates[name].to_numpy() for name in names)
        keys = np.stack([updates[name].to_numpy() for name in ("trace_high", "trace_low", "span")], axis=1)
        slots = self._fold.find(read_words(updates["tenant"]), keys)
        held = np.flatnonzero(slots >= 0)
        rows, sources = self._fold.rows[slots[held]], self._source[slots[held]]
        same = (sources == source[held]) & (rows["log_offset"] == offset[held]) & (rows["ordinal"] == ordinal[held])
        held = held[same]
        np.bitwise_or.at(self._told, slots[held], told[held].astype(np.uint8))
        self._told[slots[held[discounted[held] != 0]]] &= 255 - COUNTED
        for place in zip(*(each[dropped != 0].tolist() for each in (source, offset, ordinal)), strict=True):
            self._drops.pop(Place(*place), None)

    def differences(self, sources: Collection[int]) -> list[Finding]:
        """Return what should be decided about spans of ``sources``, as far as it is not stored; oldest first."""
        drops = [each for place, each in self._drops.items() if place.log_source in sources]
        rows, context = self._fold.rows, self._fold.context
        told = self._told[: len(rows)]
        usable = ((told & (STORED | DROPPED)) == STORED) & self._fold.is_call()
        discounted = usable & ((told & COUNTED) != 0) & ~self._fold.counts()
        filled = [usable & (context[:, place] != 0) & ((told & bit) == 0) for place, bit in enumerate(FILLED)]
        slots = np.flatnonzero(np.logical_or.reduce([discounted, *filled]))
        slots = slots[np.isin(self._source[slots], list(sources))]
        slots = slots[np.argsort(rows["received_at"][slots], kind="stable")]
        changes = np.stack([discounted[slots], *(each[slots] for each in filled)], axis=1)
        return [*drops, *self._decisions(slots, changes)]

    def _decisions(self, slots: NDArray[np.intp], changes: NDArray[np.bool_]) -> list[Finding]:
        """Return decisions about calls: ``changes`` (n, 5) says what differs, counting first."""
        found = []
        told = zip(self._fold.reasons(slots), self._fold.texts(slots), changes.tolist(), strict=True)
        for bare, (reason, texts, (discounted, *filled)) in zip(self._about(slots), told, strict=True):
            context: dict[str, Any] = {
                field: text
                for field, text, is_missing in zip(CONTEXT_FIELDS, texts, filled, strict=True)
                if is_missing and text is not None and len(text.encode()) <= LONGEST_TEXT
            }
            if discounted or context:
                why = REASONS[reason] if discounted else CONTEXT
                found.append(
                    bare._replace(decision=replace(bare.decision, reason=why, discounted=discounted, **context))
                )
        return found

    def _compare_copies(self, taken: UnionRows, sources: NDArray[np.int64], told: NDArray[np.uint8]) -> None:
        """Let of spans with the same ids the one that was received first stay; the others are to be dropped."""
        for index in np.flatnonzero(~taken.is_new & (taken.slots >= 0) & ((told & STORED) != 0)).tolist():
            slot, row, source = int(taken.slots[index]), taken.rows[index], int(sources[index])
            held, held_source, held_told = self._fold.rows[slot], int(self._source[slot]), int(self._told[slot])
            if held_told & STORED and _order(held_source, held) <= _order(source, row):
                if not told[index] & DROPPED and _order(held_source, held) != _order(source, row):
                    self._drop(source, row, slot)
                continue
            if held_told & STORED and not held_told & DROPPED:
                self._drop(held_source, held, slot)
            for field in ("log_offset", "ordinal", "received_at"):
                self._fold.rows[field][slot] = row[field]
            self._source[slot], self._told[slot] = source, told[index]

    def _drop(self, source: int, row: Any, slot: int) -> None:
        decided = _bare(source, row, self._fold.tenants(np.array([slot]))[0])
        decided = decided._replace(decision=replace(decided.decision, reason=DUPLICATE, dropped=True))
        self._drops[decided.place] = decided
        if len(self._drops) > self._window:
            del self._drops[next(iter(self._drops))]

    def _about(self, slots: NDArray[np.intp]) -> list[Finding]:
        """Return, for spans by slot, decisions that change nothing yet."""
        of_each = zip(self._source[slots].tolist(), self._fold.rows[slots], self._fold.tenants(slots), strict=True)
        return [_bare(source, row, tenant) for source, row, tenant in of_each]


def _bare(source: int, row: Any, tenant: str | None) -> Finding:
    """Return a decision that changes nothing yet."""
    return Finding(
        source,
        Decision(
            log_offset=int(row["log_offset"]),
            ordinal=int(row["ordinal"]),
            received_at=int(row["received_at"]),
            tenant=tenant or "",
            trace_id=f"{int(row['trace_high']):016x}{int(row['trace_low']):016x}",
            span_id=f"{int(row['span_id']):016x}",
            reason=CONTEXT,
        ),
    )


def _order(source: int, row: Any) -> tuple[int, ...]:
    """Return what says which of two copies was first."""
    return (int(row["received_at"]), source, int(row["log_offset"]), int(row["ordinal"]))
