"""Partitions in memory that store what the step answers, and a reconciler that reads and corrects them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from builders import RECEIVED_MS, Span, span_columns, words
from spanpulse_stream.decisions import Decision, Finding, Reconciler
from spanpulse_stream.decisions._stored import Listed, Range, _in_order
from spanpulse_stream.decisions._union import COUNTED, DROPPED, FILLED, STORED
from spanpulse_stream.usage import Corrections, Decided, PartitionState, attribute_usage, settle_late
from usage_model import CONTEXT, Key, Outcome, key_of

Place = tuple[int, int]


@dataclass
class Row:
    """A stored span: as it was written, and as it is now."""

    key: Key
    kind: str
    written: tuple[bool, bool, tuple[str | None, ...]]
    counted: bool
    dropped: bool
    context: tuple[str | None, ...]


@dataclass
class Partition:
    """One log source; `run` takes a batch. Messages hold one span, or one decision, each."""

    source: int
    window: int = 1000
    rows: dict[Place, Row] = field(default_factory=dict)
    batches: list[Listed] = field(default_factory=list)
    seen: list[pa.RecordBatch] = field(default_factory=list)
    updates: list[Corrections] = field(default_factory=list)
    end: int = 0

    def __post_init__(self) -> None:
        self.state = PartitionState(self.window)

    def run(self, spans: Sequence[Span], decisions: Sequence[Decision] = (), received_at: int = RECEIVED_MS) -> None:
        """Take a batch: decisions first, then spans."""
        first, behind = self.end, self.end + len(decisions) + len(spans)
        at = [replace(span, at=(first + len(decisions) + row, 0)) for row, span in enumerate(spans)]
        decided = decided_columns(decisions, first, received_at) if decisions else None
        result = attribute_usage(span_columns(at, self.source), self.state, decided)
        corrections = result.corrections
        if result.late is not None:
            corrections, _ = settle_late(result.late, corrections, self._table())
        self._correct(corrections)
        texts = [[text or None for text in getattr(result, name).tolist()] for name in CONTEXT]
        for row, context in enumerate(zip(*texts, strict=True)):
            if result.keep[row]:
                written = (bool(result.counted[row]), bool(result.dropped[row]), context)
                self.rows[at[row].at] = Row(key_of(at[row]), at[row].kind, written, *written)
        self.seen.append(result.seen)
        self.updates.append(corrections)
        received = min([span.received_at for span in spans], default=received_at)
        self.batches.append(Listed(self.source, first, behind, received, int(result.keep.sum()), corrections.size))
        self.end = behind

    def restart(self) -> None:
        """Start over from the rows of `seen`."""
        self.state = PartitionState(self.window, seed=len(self.seen))
        if self.seen:
            self.state.restore(pa.Table.from_batches(self.seen))

    def _correct(self, corrections: Corrections) -> None:
        for told in corrections.record_batch().to_pylist():
            row = self.rows[told["target_log_offset"], told["target_ordinal"]]
            before = (row.counted, row.dropped, row.context)
            row.counted &= told["counted"] is not False
            row.dropped |= told["dropped"] is True
            row.context = tuple(told[name] or old for name, old in zip(CONTEXT, row.context, strict=True))
            assert (row.counted, row.dropped, row.context) != before, "a correction changes something"

    def _table(self) -> pa.Table:
        found = [
            {"log_offset": place[0], "ordinal": place[1], "kind": row.kind, "counted": row.counted}
            | {"tenant": row.key[0], "trace_id": f"{row.key[1]:032x}", "span_id": f"{row.key[2]:016x}"}
            | {"dropped": row.dropped, **dict(zip(CONTEXT, row.context, strict=True))}
            for place, row in self.rows.items()
        ]
        names = {name: pa.string() for name in ("tenant", "trace_id", "span_id", "kind", *CONTEXT)}
        numbers = {"log_offset": pa.int64(), "ordinal": pa.int32(), "counted": pa.bool_(), "dropped": pa.bool_()}
        return pa.Table.from_pylist(found, schema=pa.schema({**numbers, **names}))


@dataclass
class Partitions:
    """Several partitions as the reconciler's reader sees them (`Stored`)."""

    all: Mapping[int, Partition]

    def starts(self, sources: Sequence[int], since: int, spans: int) -> dict[int, int]:
        """Return the beginning."""
        return dict.fromkeys(sources, 0)

    def batches(self, positions: Mapping[int, int], since: int) -> list[Listed]:
        """Return what was not read yet."""
        found = [each for source, at in positions.items() for each in self.all[source].batches if each.first >= at]
        return _in_order(found)

    def settle(self) -> None:
        """Do nothing."""

    def spans(self, ranges: Iterable[Range]) -> tuple[pa.Table, np.ndarray]:
        """Return rows of `seen`, in the order of the ranges, and the bits of what is stored."""
        tables, told = [], []
        for part in ranges:
            partition = self.all[part.log_source]
            table = pa.Table.from_batches(partition.seen)
            offsets = table["log_offset"].to_numpy()
            mask = (offsets >= part.first) & (offsets < part.end) & (table["record"].to_numpy() == 0)
            tables.append(table.filter(pa.array(mask)))
            told += [bits_of(partition.rows[at, 0].written) for at in tables[-1]["log_offset"].to_pylist()]
        return pa.concat_tables(tables), np.array(told, np.uint8)

    def updates(self, ranges: Iterable[Range]) -> pa.Table:
        """Return corrections."""
        rows = []
        for part in ranges:
            for made in self.all[part.log_source].updates:
                rows += [row for row in made.record_batch().to_pylist() if part.first <= row["log_offset"] < part.end]
        return pa.Table.from_pylist([correction(row) for row in rows], schema=UPDATES)


UPDATES = pa.schema(
    {
        "log_source": pa.uint32(),
        "target_log_offset": pa.int64(),
        "target_ordinal": pa.int32(),
        "tenant": pa.string(),
        "trace_high": pa.uint64(),
        "trace_low": pa.uint64(),
        "span": pa.uint64(),
        **dict.fromkeys(("discounted", "dropped", "told"), pa.uint8()),
    }
)


def correction(row: dict[str, object]) -> dict[str, object]:
    """Return a row of `span_updates` as the reader gives it."""
    trace, dropped = int(str(row["trace_id"]), 16), row["dropped"] is True
    filled = sum(bit for name, bit in zip(CONTEXT, FILLED, strict=True) if row[name])
    return {
        **{name: row[name] for name in UPDATES.names[:4]},
        "trace_high": trace >> 64,
        "trace_low": trace & (2**64 - 1),
        "span": int(str(row["span_id"]), 16),
        "discounted": int(row["counted"] is False),
        "dropped": int(dropped),
        "told": filled + DROPPED * dropped,
    }


def bits_of(written: tuple[bool, bool, tuple[str | None, ...]]) -> int:
    """Return the bits of a stored span."""
    counted, dropped, context = written
    filled = sum(bit for text, bit in zip(context, FILLED, strict=True) if text)
    return STORED + COUNTED * counted + DROPPED * dropped + filled


def decided_columns(decisions: Sequence[Decision], first: int, received_at: int) -> Decided:
    """Return decisions, one a message, as the step takes them."""
    size = len(decisions)

    def numbers(values: Iterable[int], kind: type = np.int64) -> np.ndarray:
        return np.array(list(values), kind)

    return Decided(
        size=size,
        log_offset=np.arange(first, first + size),
        ordinal=np.zeros(size, np.int32),
        received_at=np.full(size, received_at),
        tenant=words([each.tenant for each in decisions]),
        trace_id=numbers((int(each.trace_id[half], 16) for each in decisions for half in HALVES), np.uint64).reshape(
            size, 2
        ),
        span_id=numbers((int(each.span_id, 16) for each in decisions), np.uint64),
        target_log_offset=numbers(each.log_offset for each in decisions),
        target_ordinal=numbers((each.ordinal for each in decisions), np.int32),
        target_received_at=numbers(each.received_at for each in decisions),
        dropped=numbers((each.dropped for each in decisions), np.bool_),
        discounted=numbers((each.discounted for each in decisions), np.bool_),
        **{name: words([getattr(each, name) for each in decisions]) for name in CONTEXT},
        reason=words([each.reason for each in decisions]),
    )


HALVES = (slice(0, 16), slice(16, 32))


class Reconciled:
    """Partitions, what was sent to each and not applied yet, and the reconciler."""

    def __init__(self, count: int, window: int = 1000) -> None:
        self.all = {source: Partition(source, window) for source in range(1, count + 1)}
        self.sent: dict[int, list[Decision]] = {source: [] for source in self.all}
        self.window = window
        self.seconds = 0.0
        self.restart()

    def restart(self) -> None:
        """Make the reconciler anew; what it sent may still come."""
        self.reconciler = Reconciler(None, self.window, 900.0, clock=lambda: self.seconds)  # type: ignore[arg-type]
        self.reconciler._stored = Partitions(self.all)  # type: ignore[assignment]

    def look(self, sources: Collection[int] | None = None) -> list[Finding]:
        """Look once and send what was found; some time passes."""
        self.seconds += 100
        found = self.reconciler.look(self.all if sources is None else sources).findings
        self.reconciler.sent(found)
        for each in found:
            self.sent[each.log_source].append(each.decision)
        return found

    def apply(self, source: int, spans: Sequence[Span] = ()) -> None:
        """Let a partition take what was sent to it, and some spans, as one batch."""
        decisions, self.sent[source] = self.sent[source], []
        if decisions or spans:
            self.all[source].run(spans, decisions)

    def settle(self) -> None:
        """Look and apply until there is nothing more to say."""
        for _ in range(20):
            if not self.look() and not any(self.sent.values()):
                return
            for source in self.all:
                self.apply(source)
        raise AssertionError("it never ends")

    def outcome(self) -> Outcome:
        """Return what is stored and not dropped. Raises AssertionError for a span that is there twice."""
        kept = [row for each in self.all.values() for row in each.rows.values() if not row.dropped]
        found = {row.key: (row.counted, row.context) for row in kept}
        assert len(found) == len(kept), "a span is there twice"
        return found
