"""The rules of usage attribution said again, plainly, over a whole set of spans; and a log that is run in batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from builders import RECEIVED_MS, Span, span_columns, words
from spanpulse_stream.usage import (
    Attribution,
    Corrections,
    Decided,
    PartitionState,
    attribute_usage,
    settle_late,
    targets_of,
)

CONTEXT = ("user_id", "session_id", "prompt_name", "prompt_version")
CALLS = ("llm", "embedding")
MS = 1_000_000

Key = tuple[str, int, int]
Outcome = dict[Key, tuple[bool, tuple[str | None, ...]]]


def key_of(span: Span) -> Key:
    return (span.tenant, span.trace, span.span)


def usage_of(span: Span) -> bool:
    return span.input_tokens is not None or span.output_tokens is not None


def expected(spans: Sequence[Span]) -> Outcome:
    """Return what must become of a set of spans without rings, whatever their order."""
    known = {key_of(span): span for span in reversed(spans)}
    return {key: (_counts(span, known), _context(span, known)) for key, span in known.items()}


def _parent(span: Span, known: dict[Key, Span]) -> Span | None:
    return known.get((span.tenant, span.trace, span.parent)) if span.parent not in (0, span.span) else None


def _is_below(span: Span, ancestor: Span, known: dict[Key, Span]) -> bool:
    above = _parent(span, known)
    while above is not None:
        if above is ancestor:
            return True
        if above.kind == "tool":
            return False
        above = _parent(above, known)
    return False


def _context(span: Span, known: dict[Key, Span]) -> tuple[str | None, ...]:
    found = []
    for field in CONTEXT:
        at: Span | None = span
        value = None
        while at is not None and not value:
            value = getattr(at, field) or value
            at = _parent(at, known) if span.kind in CALLS else None
        found.append(value or None)
    return tuple(found)


def _response(span: Span) -> tuple[object, ...] | None:
    if not span.response_id:
        return None
    tail = span.response_id.replace("_", "-").rpartition("-")[2]
    is_short = len(span.response_id) < 20 and len(tail) < 6
    return (span.tenant, span.response_id, span.trace if is_short else None)


def _preference(span: Span) -> tuple[int, ...]:
    return (usage_of(span), span.rank, span.start, -_last(span), -span.span, -span.trace)


def _counts(span: Span, known: dict[Key, Span]) -> bool:
    if span.kind not in CALLS:
        return False
    calls = [other for other in known.values() if other.kind in CALLS and other is not span]
    return not any(_excludes(other, span, known) for other in calls)


def _excludes(other: Span, span: Span, known: dict[Key, Span]) -> bool:
    if span.response_id and _response(span) == _response(other):
        return _preference(other) > _preference(span)
    if other.kind == span.kind and _is_below(other, span, known) and _repeats(span, other):
        return True
    if other.kind == span.kind and _is_below(span, other, known) and _is_shadow(span, other):
        return True
    return _gives_way(span, other) or _yields_nothing(span, other)


def _level(span: Span) -> int:
    return 0 if span.rank <= 1 else 3 if span.rank == 3 else 2 if span.response_id else 1


def _may_be_one(outer: Span, closer: Span) -> bool:
    levels = (_level(outer), _level(closer))
    apart = levels[0] < levels[1] and (levels[0] == 0 or levels == (1, 3))
    return apart and not (levels[0] == 0 and outer.response_id) and _same_moment(closer, outer)


def _gives_way(span: Span, closer: Span) -> bool:
    if not _may_be_one(span, closer):
        return False
    if usage_of(span):
        tokens = [(one.input_tokens or 0, one.output_tokens or 0) for one in (span, closer)]
        return usage_of(closer) and tokens[0] == tokens[1]
    return span.status == "error" or closer.status != "error"


def _yields_nothing(span: Span, outer: Span) -> bool:
    empty = not usage_of(span) and span.status != "error" and not _is_outlived(outer)
    return empty and usage_of(outer) and _may_be_one(outer, span)


def _is_shadow(span: Span, above: Span) -> bool:
    if usage_of(span) or span.status == "error":
        return False
    if span.response_id:
        return usage_of(above) and (above.rank <= 1 or not above.response_id)
    return usage_of(above) or (bool(above.response_id) and above.rank >= span.rank)


def _repeats(span: Span, below: Span) -> bool:
    if not span.response_id:
        return usage_of(below) or (not usage_of(span) and below.rank >= span.rank)
    if span.rank >= 2:
        return not below.response_id and below.rank >= span.rank and usage_of(below)
    if usage_of(below):
        return below.rank >= 2 or not below.response_id
    return not usage_of(span) and not below.response_id and below.rank >= 2


def _is_outlived(span: Span) -> bool:
    return span.time_to_first_token_ns is not None and span.time_to_first_token_ns > span.end - span.start


def _last(span: Span) -> int:
    return span.start + (span.time_to_first_token_ns or 0) if _is_outlived(span) else span.end


def _same_moment(closer: Span, span: Span) -> bool:
    def identity(one: Span) -> tuple[object, ...]:
        return (one.tenant, one.resource, one.request_model, one.kind)

    def holds(outer: Span, inner: Span) -> bool:
        return outer.start <= inner.start + 5 * MS and _last(outer) >= _last(inner) - 5 * MS

    def begins_behind(outer: Span, inner: Span) -> bool:
        return outer.start - 5 * MS <= inner.start <= _last(outer) + 5 * MS and _last(outer) <= _last(inner) + 5 * MS

    def is_one() -> bool:
        if _is_outlived(span):
            return begins_behind(span, closer)
        return holds(span, closer) or (closer.rank == 3 and holds(closer, span))

    families = [(one.provider or "").rpartition(".")[2] for one in (closer, span)]
    return (
        identity(closer) == identity(span)
        and (families[0] == families[1] or not all(families))
        and abs(closer.start - span.start) <= 1000 * MS
        and is_one()
    )


@dataclass(frozen=True)
class Told:
    """A decision in the log, at ``at``, about the span at ``target``."""

    span: Span
    target: tuple[int, int]
    at: tuple[int, int] = (0, 0)
    dropped: bool = False
    discounted: bool = False
    context: tuple[str | None, ...] = (None,) * 4
    reason: str = "duplicate"


def decided_columns(told: Sequence[Told]) -> Decided | None:
    """Return decisions as the step takes them."""
    if not told:
        return None
    high_low = [(each.span.trace >> 64, each.span.trace & (2**64 - 1)) for each in told]
    context = {field: words([each.context[place] for each in told]) for place, field in enumerate(CONTEXT)}
    offsets = np.array([each.at[0] for each in told], np.int64)
    return Decided(
        size=len(told),
        log_offset=offsets,
        ordinal=np.array([each.at[1] for each in told], np.int32),
        received_at=offsets + RECEIVED_MS,
        tenant=words([each.span.tenant for each in told]),
        trace_id=np.array(high_low, np.uint64),
        span_id=np.array([each.span.span for each in told], np.uint64),
        target_log_offset=np.array([each.target[0] for each in told], np.int64),
        target_ordinal=np.array([each.target[1] for each in told], np.int32),
        target_received_at=np.array([each.span.received_at for each in told], np.int64),
        dropped=np.array([each.dropped for each in told], np.bool_),
        discounted=np.array([each.discounted for each in told], np.bool_),
        reason=words([each.reason for each in told]),
        **context,
    )


@dataclass
class Log:
    """Runs a log through the step, batch by batch, and applies what it answers as the tables would."""

    window: int = 1000

    def __post_init__(self) -> None:
        self.state = PartitionState(self.window)
        self.seen: list[pa.RecordBatch] = []
        self.stored: dict[tuple[int, int], tuple[Key, bool, tuple[str | None, ...]]] = {}
        self.kinds: dict[tuple[int, int], str] = {}
        self.gone: set[tuple[int, int]] = set()
        self.dropped = 0
        self.lost = 0
        self.ignored = 0
        self.updates = 0

    def run(self, spans: Sequence[Span], told: Sequence[Told] = ()) -> Attribution:
        """Take one batch; check that every correction changes what is stored."""
        result = attribute_usage(span_columns(spans), self.state, decided_columns(told))
        self.seen.append(result.seen)
        corrections = result.corrections
        if result.late is not None:
            corrections, ignored = settle_late(result.late, corrections, self._states(targets_of(result.late, 1)))
            self.ignored += ignored
        self._correct(corrections)
        columns = [[text or None for text in getattr(result, field).tolist()] for field in CONTEXT]
        context = list(zip(*columns, strict=True))
        for row, span in enumerate(spans):
            if result.keep[row]:
                self.stored[span.at] = (key_of(span), bool(result.counted[row]), context[row])
                self.kinds[span.at] = span.kind
                if result.dropped[row]:
                    self.gone.add(span.at)
        self.dropped += int((~result.keep).sum())
        self.lost += result.unjoined
        return result

    def _states(self, targets: Corrections) -> pa.Table:
        """Return what is stored at the targets' places."""
        found = []
        for row in targets.record_batch().to_pylist():
            place = (row["target_log_offset"], row["target_ordinal"])
            if place in self.stored:
                (tenant, trace, span), counted, context = self.stored[place]
                ids = (f"{trace:032x}", f"{span:016x}")
                found.append((*place, tenant, *ids, self.kinds[place], counted, place in self.gone, *context))
        names = ("log_offset", "ordinal", "tenant", "trace_id", "span_id", "kind", "counted", "dropped", *CONTEXT)
        return pa.table({name: [row[number] for row in dict.fromkeys(found)] for number, name in enumerate(names)})

    def _correct(self, corrections: Corrections) -> None:
        rows = corrections.record_batch().to_pylist()
        targets = [(row["target_log_offset"], row["target_ordinal"]) for row in rows]
        assert len(set(targets)) == len(targets), "one row a span"
        for row, target in zip(rows, targets, strict=True):
            key, counted, context = self.stored[target]
            assert (row["tenant"], int(row["trace_id"], 16), int(row["span_id"], 16)) == key
            after = tuple(row[field] or old for field, old in zip(CONTEXT, context, strict=True))
            now = counted if row["counted"] is None else row["counted"]
            assert not (row["dropped"] and target in self.gone), "a span is dropped once"
            assert row["dropped"] or (now, after) != (counted, context), "a correction changes something"
            if row["dropped"]:
                self.gone.add(target)
            assert all(old is None or old == new for old, new in zip(context, after, strict=True))
            self.stored[target] = (key, now, after)
            self.updates += 1

    def restart(self, rows: int | None = None) -> None:
        """Start over from the rows of `seen`, all or the last ``rows``."""
        self.state = PartitionState(self.window, seed=len(self.seen))
        if self.seen:
            table = pa.Table.from_batches(self.seen)
            self.state.restore(table.slice(max(0, len(table) - (len(table) if rows is None else rows))))

    def outcome(self) -> Outcome:
        return {key: (counted, context) for key, counted, context in self.stored.values()}
