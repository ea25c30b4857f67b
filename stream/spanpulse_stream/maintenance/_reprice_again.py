"""Repricing again what a start brought back from the log: it came at the prices of its time.

A span has the prices of the last repricing that it was in; those that are done are remembered as long as the log has
messages of their spans. Not guaranteed: anything about prices that can no longer be had; that is logged.
"""

import logging
from collections.abc import Sequence

from spanpulse_sinks.clickhouse import workbench
from spanpulse_stream.log import TOPIC
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_swap import asides
from spanpulse_stream.maintenance._reprice_costs import Scope
from spanpulse_stream.maintenance._reprice_days import TABLES, RepricedDays
from spanpulse_stream.maintenance._reprice_journal import Done, Journal
from spanpulse_stream.price import PriceBook, UnknownPriceVersion

__all__ = ["reprice_again"]

LOG = logging.getLogger(__name__)


def reprice_again(context: Context) -> None:
    """Reprice what has other prices than the last repricing gave it. Raises what `reprice` raises."""
    journal = Journal.of(context)
    done = journal.done()
    kept = [each for each in done if _may_come_back(context, each)]
    if kept != done:
        journal.forget(kept)
    for number, each in enumerate(kept):
        _again(context, each, kept[number + 1 :])


def _may_come_back(context: Context, done: Done) -> bool:
    """Whether the log still has messages whose calls were repriced."""
    for partition in range(context.settings.partitions):
        source = str(context.log.source(TOPIC, partition))
        if context.log.first_offset(TOPIC, partition) < done.ends.get(source, 0):
            return True
    return False


def _again(context: Context, done: Done, later: Sequence[Done]) -> None:
    """Reprice what a repricing gave its prices, none of the later ones did, and has others."""
    scope = Scope(done.model, done.provider, tuple(each.region for each in later))
    kept = {
        context.log.source(TOPIC, number): context.log.first_offset(TOPIC, number)
        for number in range(context.settings.partitions)
    }
    places = " OR ".join(f"(log_source = {source} AND log_offset >= {first})" for source, first in kept.items())
    with workbench(context.database) as bench:
        rows = bench.rows(
            f"SELECT DISTINCT toDate(received_at) AS day FROM span_rows WHERE ({places}) AND {scope.condition}"
            f" AND {done.region} AND price_version != '{done.version}'"
        )
    if not rows:
        return
    try:
        book = PriceBook.for_version(done.version, archive=context.folder / "prices")
    except UnknownPriceVersion:
        LOG.exception("spans of %s came back at old prices and cannot be repriced", done.model)
        return
    LOG.warning("spans of %s came back from the log at old prices: repricing them", done.model)
    limits = {int(source): end for source, end in done.ends.items()}
    with asides(context, TABLES) as beside:
        RepricedDays(context, beside, book, scope, sorted(row["day"] for row in rows), limits).reprice()
