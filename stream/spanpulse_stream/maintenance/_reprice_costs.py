"""Stored calls under a price book: what they cost by it, what that changes about them and about the rollups.

As at arrival: a price of the book wins over a cost that was stated with its call, and the stated one over none; without
usable tokens there is none. Not guaranteed: anything about a call that the book prices beyond what the column holds: it
becomes unpriced, as a new one would.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.day import number_of
from spanpulse_stream.maintenance._reprice_stated import add_stated, stated_already
from spanpulse_stream.pipeline import Read
from spanpulse_stream.price import PriceBook, Priced, StoredCalls
from spanpulse_stream.rollup import RollupRows, integers_of, times_of, words_of
from spanpulse_stream.rows import money

__all__ = ["PRICED_BY", "Changes", "Repriced", "Scope"]

PRICED_BY = (
    *("start_time", "service_tier", "cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"),
    "price_version",
)
"""What a price depends on beside the columns that the rollups need, and the version of its price."""
TOKENS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"),
)
NAMES = ("usage_status", "provider", "request_model", "response_model", "service_tier")
SCALE = Decimal(1).scaleb(-12)


@dataclass(frozen=True, slots=True)
class Scope:
    """Calls of a model, by the name that was asked for or that answered; of one provider or of any.

    ``without`` are conditions on rows that do not belong to it.
    """

    model: str
    provider: str | None = None
    without: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The condition on rows of `span_rows`; names are written as hexadecimal, so nothing in them is SQL."""
        model = _quoted(self.model)
        found = (
            "cost_confidence IN ('computed', 'estimated', 'provider', 'unpriced')"
            f" AND (request_model = {model} OR response_model = {model})"
        )
        if self.provider is not None:
            found += f" AND provider = {_quoted(self.provider)}"
        return " AND ".join([found, *(f"NOT ifNull({condition}, false)" for condition in self.without)])


@dataclass(slots=True)
class Changes:
    """What a repricing changes about the calls of one day, sums of calls that count; costs are in 1e-12 USD."""

    spans: int = 0
    changed: int = 0
    old_cost: int = 0
    new_cost: int = 0
    priced_now: int = 0
    unpriced_now: int = 0

    def add(self, repriced: "Repriced", sign: int = 1) -> None:
        """Add calls, or take back what corrections took out of the sums."""
        counted = repriced.rows.counted & ~repriced.rows.dropped
        had, has = repriced.rows.cost.valid & counted, repriced.priced.cost.valid & counted
        self.spans += sign * int(counted.sum())
        self.changed += sign * int((repriced.changed & counted).sum())
        self.old_cost += sign * sum(repriced.rows.cost.values[had].tolist())
        self.new_cost += sign * sum(repriced.priced.cost.values[has].tolist())
        self.priced_now += sign * int((has & ~had).sum())
        self.unpriced_now += sign * int((had & ~has).sum())

    def include(self, other: "Changes") -> None:
        """Add what changes on another day."""
        for name in ("spans", "changed", "old_cost", "new_cost", "priced_now", "unpriced_now"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def report(self, day: str) -> dict[str, Any]:
        """Return the figures as a person reads them; costs are decimals in USD."""
        return {
            "day": day,
            "spans": self.spans,
            "changed": self.changed,
            "old_cost": f"{self.old_cost * SCALE:f}",
            "new_cost": f"{self.new_cost * SCALE:f}",
            "difference": f"{(self.new_cost - self.old_cost) * SCALE:f}",
            "priced_now": self.priced_now,
            "unpriced_now": self.unpriced_now,
        }


@dataclass(frozen=True, slots=True)
class Repriced:
    """Spans as they are stored, what they cost by a book, and which of them that changes."""

    table: pa.Table
    rows: RollupRows
    priced: Priced
    changed: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        """Compare cost and confidence of each row."""
        old, new = self.rows.cost, self.priced.cost
        same = (old.valid == new.valid) & (~old.valid | (old.values == new.values))
        positions = {word: place for place, word in enumerate(self.priced.confidence.values)}
        codes = np.array([*(positions.get(word, -1) for word in self.rows.cost_confidence.values), -1])
        same &= codes[self.rows.cost_confidence.codes] == self.priced.confidence.codes
        object.__setattr__(self, "changed", ~same)

    @classmethod
    def of(cls, read: Read, table: pa.Table, book: PriceBook, received_day: date) -> "Repriced":
        """Price spans with the columns of the rollups and ``PRICED_BY``; they go to the rollups of ``received_day``.

        They are of one source and one day of receipt. Raises QueryFailed.
        """
        rows = RollupRows.of_table(table, received_day=number_of(received_day))
        columns: dict[str, Any] = {name: integers_of(table[name]) for name in TOKENS}
        columns |= {name: words_of(table[name]) for name in NAMES}
        start = times_of(table["start_time"], "ns")
        stated = stated_already(rows)
        calls = StoredCalls(size=rows.size, start_time=start, **columns, stated_cost=stated)
        priced = book.price(calls)
        lost = rows.cost.valid & ~priced.cost.valid  # what had no price before, and stated none, needs no look
        if lost.any() and add_stated(stated, read, table, np.flatnonzero(lost)):
            priced = book.price(calls)
        return cls(table, rows, priced)

    @property
    def stale(self) -> bool:
        """Whether a row must be written again: it names another version of prices, or changes."""
        version = words_of(self.table["price_version"])
        named = {version.values[code] for code in set(version.codes.tolist())}
        return bool(named - {self.priced.price_version}) or bool(self.changed.any())

    def costs(self) -> pa.RecordBatch:
        """Return place, cost and confidence of every span."""
        confidence = self.priced.confidence
        columns = {name: self.table[name].combine_chunks() for name in ("log_source", "log_offset", "ordinal")}
        columns["cost"] = money(self.priced.cost)
        columns["cost_confidence"] = pa.array(confidence.values, pa.string()).take(pa.array(confidence.codes))
        return pa.RecordBatch.from_pydict(columns)

    def signed(self, sign: int = 1) -> list[RollupRows]:
        """Return the rows that take back what the changed spans added to the rollups, and add what they cost now."""
        which = np.flatnonzero(self.changed)
        if not which.size:
            return []
        old = self.rows.take(which)
        cost, confidence = self.priced.cost, self.priced.confidence
        new = replace(
            old,
            cost=replace(cost, values=cost.values[which], valid=cost.valid[which]),
            cost_confidence=Words(confidence.codes[which], confidence.values),
        )
        return [old.negate(), new] if sign > 0 else [old, new.negate()]


def _quoted(name: str) -> str:
    return f"unhex('{name.encode().hex()}')"
