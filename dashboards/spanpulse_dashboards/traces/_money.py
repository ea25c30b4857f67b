"""How the cost of a span came about, by the price book that priced it.

Books of other versions are compiled from the installed prices and the archive of the operator's files; a few are kept.
Not guaranteed: a book that is gone; then the answer says so, and the stored cost stands.
"""

import asyncio
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from threading import Lock

from spanpulse_dashboards._reader import Row
from spanpulse_dashboards.traces._detail_models import CostExplanation, CostPart
from spanpulse_stream.price import Call, OverrideError, PriceBook, UnknownPriceVersion

__all__ = ["Prices", "explain_cost"]

MOST_BOOKS = 4
COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens"),
)
WHY = {
    "missing": "the call reported no tokens that could be priced",
    "unpriced": "the price book has no price for this model",
    "provider": "the price book does not know this model; the cost is what the call states itself",
}


class Prices:
    """Books by version; ``archive`` is the folder that keeps the operator's files. For several threads."""

    def __init__(self, archive: Path | None) -> None:
        self._archive = archive
        self._books: OrderedDict[str, PriceBook] = OrderedDict()
        self._lock = Lock()

    def of(self, version: str) -> PriceBook:
        """Return the book of a version. Raises UnknownPriceVersion, OverrideError."""
        with self._lock:
            if version not in self._books:
                self._books[version] = PriceBook.for_version(version, archive=self._archive)
                if len(self._books) > MOST_BOOKS:
                    self._books.popitem(last=False)
            self._books.move_to_end(version)
            return self._books[version]


async def explain_cost(row: Row, prices: Prices) -> CostExplanation:
    """Return how the cost of a stored span came about; ``row`` has its columns, cost as text."""
    confidence = row["cost_confidence"]
    if confidence in {"computed", "estimated"}:
        return await asyncio.to_thread(_explained, row, prices)
    why = WHY.get(confidence or "", "no model call: the tokens of its calls are counted with the calls")
    return _without(row, why)


def _explained(row: Row, prices: Prices) -> CostExplanation:
    version, cost = row["price_version"], _cost(row)
    call = Call(
        (row["provider"], row["response_model"], row["request_model"], row["service_tier"]),
        int(row["start_ns"]),
        tuple(row[name] for name in COUNTS),
    )
    try:
        found = prices.of(version).explain(call)
    except (UnknownPriceVersion, OverrideError, ValueError):
        return _without(row, f"the price book {version} is no longer here, only what it made of the call")
    if found is None or found.cost != cost:
        return _without(row, f"the price book {version} no longer gives this cost; it was computed when the span came")
    repaired = "its token counts contradict each other, so they were set right" if found.repaired else None
    return CostExplanation(
        confidence=row["cost_confidence"],
        version=version,
        cost=cost,
        parts=[
            CostPart(unit=part.unit, count=part.count, price=part.price, per=part.per, cost=part.cost)
            for part in found.parts
        ],
        rounding=found.rounding or None,
        above=found.above,
        tier=row["service_tier"],
        reason=repaired,
    )


def _without(row: Row, why: str) -> CostExplanation:
    return CostExplanation(
        confidence=row["cost_confidence"],
        version=row["price_version"],
        cost=_cost(row),
        parts=[],
        tier=row["service_tier"],
        reason=why,
    )


def _cost(row: Row) -> Decimal | None:
    return None if row["cost"] is None else Decimal(row["cost"])
