"""The price book: prices of one version, and the step that prices a batch of spans with them.

The same columns and version give the same costs anywhere, at any time. Not guaranteed: that genai-prices is
right. A cost is that of the canonical usage at the span's start; what no column counts (seconds of audio,
images, web searches) is not in it.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from genai_prices.data_snapshot import get_snapshot
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.price._archive import keep_overrides, providers_at, text_of, version_of
from spanpulse_stream.price._calls import Calls
from spanpulse_stream.price._columns import CONFIDENCE, Confidence, cost_of, names_of, usage_of
from spanpulse_stream.price._explain import Call, Explanation, explain
from spanpulse_stream.price._match import Catalogue
from spanpulse_stream.price._overrides import OverrideError, parse_rules
from spanpulse_stream.price._tables import Name, Tables, VectorArrays

__all__ = ["PriceBook", "Priced"]

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
UNPRICED = -1


@dataclass(frozen=True, slots=True)
class Priced:
    """Costs of a batch, one row a span.

    ``cost`` is in 1e-12 USD, rounded half-even. ``confidence`` is computed; estimated (usage was estimated, or its
    counts contradicted each other); provider (no price known, but a cost stated with the call);
    missing (no usable usage); unpriced (no price known, or a cost beyond int64); NULL for spans that are no model call.
    ``unpriced`` lists (provider, model, requests) with neither a price nor a stated cost; ``overflow`` the rows beyond
    int64 ($9.2 M).
    """

    cost: Numbers
    confidence: Words
    price_version: str
    unpriced: list[tuple[str, str, int]]
    overflow: I64


class PriceBook:
    """Prices of one version. Safe to use from several threads."""

    def __init__(self, tables: Tables, version: str) -> None:
        self.version = version
        self._tables = tables
        self._lock = Lock()

    @classmethod
    def load(cls, overrides: Path | None = None, *, archive: Path | None = None) -> "PriceBook":
        """Return the book of the installed prices and the operator's file.

        ``archive`` is a folder where the file's text is kept under its version, for ``for_version``.
        Raises OverrideError when the file cannot be read or used.
        """
        text = _read(overrides) if overrides is not None else ""
        return cls.of_text(text, archive=archive, name=overrides or Path("prices"))

    @classmethod
    def of_text(cls, text: str, *, archive: Path | None = None, name: Path = Path("prices")) -> "PriceBook":
        """Return the book of the installed prices and an operator's text; '' is none. Raises OverrideError."""
        book = cls._of(text, name)
        if archive is not None and text:
            keep_overrides(text, archive)
        return book

    @classmethod
    def for_version(cls, version: str, *, archive: Path | None = None) -> "PriceBook":
        """Return the book that had this version, of what is installed and what the archive has kept.

        Raises UnknownPriceVersion.
        """
        text, providers = text_of(version, archive), providers_at(version, archive)
        return cls(Tables(Catalogue(providers), parse_rules(text, Path("prices"))), version)

    @classmethod
    def _of(cls, text: str, path: Path) -> "PriceBook":
        return cls(Tables(Catalogue(get_snapshot().providers), parse_rules(text, path)), version_of(text))

    def price(self, columns: Calls) -> Priced:
        """Return the cost of every span that is a model call. Never raises on what spans contain."""
        codes = np.full(columns.size, -1, np.int32)
        cost = Numbers.absent(columns.size)
        calls = np.flatnonzero(columns.usage_status.codes >= 0)
        calls = calls[~_is(columns.usage_status, calls, ("aggregate",))]
        usage = usage_of(columns, calls)
        usable = usage.usable & ~_is(columns.usage_status, calls, ("missing", "invalid"))
        codes[calls[~usable]] = Confidence.MISSING
        rows = calls[usable]
        vector, arrays = self._vectors(columns, rows)
        known = vector != UNPRICED
        known[known] = arrays.countable[vector[known]]
        codes[rows[~known]] = Confidence.UNPRICED
        priced = rows[known]
        found, repaired = cost_of(usage.only(usable).only(known), vector[known], arrays)
        cost.values[priced], cost.valid[priced] = found.values, found.valid
        guessed = repaired | _is(columns.usage_status, priced, ("estimated",))
        codes[priced] = np.where(guessed, Confidence.ESTIMATED, Confidence.COMPUTED)
        codes[priced[~found.valid]] = Confidence.UNPRICED
        nameless = rows[~known]
        stated = _stated(columns, nameless)
        cost.values[stated], cost.valid[stated] = columns.stated_cost.values[stated], True
        codes[stated] = Confidence.PROVIDER
        return Priced(
            cost=cost,
            confidence=Words(codes, list(CONFIDENCE)),
            price_version=self.version,
            unpriced=_count_unpriced(columns, nameless[~np.isin(nameless, stated)]),
            overflow=priced[~found.valid],
        )

    def explain(self, call: Call) -> Explanation | None:
        """Return how a call with usage is priced, None where this book has no price. Raises ValueError for no usage."""
        with self._lock:
            number = self._tables.schedule_number(call.name)
            if number == UNPRICED:
                return None
            vector = int(self._tables.schedule(number).at(np.array([call.start_time], np.int64))[0])
            arrays = self._tables.arrays()
        if vector == UNPRICED or not arrays.countable[vector]:
            return None
        return explain(call, vector, arrays, self.version)

    def _vectors(self, columns: Calls, rows: I64) -> tuple[I32, VectorArrays]:
        """Return the number of each row's vector, or UNPRICED, and the vectors."""
        first, which = names_of(columns, rows)
        with self._lock:
            schedules = np.array([self._tables.schedule_number(_name(columns, row)) for row in first], np.int32)
            compiled = {number: self._tables.schedule(number) for number in set(schedules.tolist()) - {UNPRICED}}
            arrays = self._tables.arrays()
        by_row = schedules[which]
        constant = np.full(max(compiled, default=UNPRICED) + 2, UNPRICED, np.int32)  # the last is that of UNPRICED
        for number, schedule in compiled.items():
            constant[number] = schedule.cells[0, 0]
        vector = constant[by_row]
        for number, schedule in compiled.items():
            if schedule.cells.size > 1:
                mine = np.flatnonzero(by_row == number)
                vector[mine] = schedule.at(columns.start_time[rows[mine]])
        return vector, arrays


def _count_unpriced(columns: Calls, rows: I64) -> list[tuple[str, str, int]]:
    """Count requests by provider and model; only those that count, when usage was attributed already."""
    if columns.counted.size == columns.size:
        rows = rows[columns.counted[rows]]
    first, which = names_of(columns, rows)
    requests: Counter[tuple[str, str]] = Counter()
    for row, times in zip(first, np.bincount(which, minlength=first.size).tolist(), strict=True):
        provider, response, request, _ = _name(columns, row)
        requests[provider or "", response or request or ""] += times
    return [(provider, model, times) for (provider, model), times in sorted(requests.items())]


def _stated(columns: Calls, rows: I64) -> I64:
    """Return those of some rows that state their cost."""
    if columns.stated_cost.valid.size != columns.size:
        return rows[:0]
    return rows[columns.stated_cost.valid[rows]]


def _name(columns: Calls, row: np.int64) -> Name:
    words = (columns.provider, columns.response_model, columns.request_model, columns.service_tier)
    codes = [int(each.codes[row]) for each in words]
    provider, response, request, tier = (
        each.values[code] if code >= 0 else None for each, code in zip(words, codes, strict=True)
    )
    return provider, response, request, tier


def _is(words: Words, rows: I64, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    codes = [code for code, value in enumerate(words.values) if value in wanted]
    return np.isin(words.codes[rows], codes)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OverrideError(f"{path}: cannot be read: {error}") from error
