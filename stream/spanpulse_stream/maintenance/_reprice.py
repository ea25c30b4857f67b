"""`reprice`: stored calls of a model under the prices of now, and every rollup they are in, while data keeps arriving.

The process takes the prices of now (its price file as it is) over for what it computes next, so that nothing arrives
under the old ones afterwards. Days are repriced in groups, each of them everywhere at once. One that a kill interrupted
goes on at the next start, or when it is asked for again. Not guaranteed: that spans are unchanged for a reader between
two groups: some days have the new prices then.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from spanpulse_sinks.clickhouse import DayOfTable, Workbench, days_of, free_bytes, workbench
from spanpulse_stream.log import TOPIC
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_days import committed_ends, days_asked, spans_gone
from spanpulse_stream.maintenance._rebuild_swap import asides
from spanpulse_stream.maintenance._reprice_costs import Changes, Scope
from spanpulse_stream.maintenance._reprice_days import TABLES, RepricedDays, changes_of
from spanpulse_stream.maintenance._reprice_journal import Done, Journal
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.price import OverrideError, PriceBook, UnknownPriceVersion

__all__ = ["reprice", "resume_reprice"]

LOG = logging.getLogger(__name__)
GROUP_BYTES = 2 << 30  # of spans that are made aside at once


def reprice(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Reprice calls of ``model`` (and ``provider``) on the received days from ``from`` to ``to``.

    ``dry_run`` changes nothing. Returns ``prices`` (their version), ``days`` with the figures of `Changes`, ``total``
    and ``skipped`` (day, why). Raises MaintenanceError, Stopped, QueryFailed, TimeoutError and OSError.
    """
    if not arguments.get("model") or not arguments.get("from"):
        raise MaintenanceError("name a model and the first day")
    dry = bool(arguments.get("dry_run"))
    scope = Scope(str(arguments["model"]), arguments.get("provider"))
    book = _book(context, archived=not dry)
    skipped: list[dict[str, str]] = []
    if dry:
        with workbench(context.database) as bench:
            ends = committed_ends(bench)
            days = [each.day for each in _days(context, bench, arguments, skipped)]
            changes = {day: changes_of(_saying(context, bench.read, day), book, scope, day, ends) for day in days}
    else:
        changes = _apply(context, arguments, book, scope, skipped)
    total = Changes()
    for each in changes.values():
        total.include(each)
    return {
        "dry_run": dry,
        "model": scope.model,
        "prices": book.version,
        "days": [found.report(str(day)) for day, found in sorted(changes.items()) if found.spans],
        "total": total.report("total"),
        "skipped": skipped,
    }


def resume_reprice(context: Context) -> None:
    """Bring a repricing to its end that a kill interrupted, and reprice again what came back from the log since."""
    journal = Journal.of(context)
    if (asked := journal.under_way()) is not None:
        LOG.warning("going on with the repricing of %s that was interrupted", asked["model"])
        reprice(context, asked)
    done = journal.done()
    kept = [each for each in done if _may_come_back(context, each)]
    if kept != done:
        journal.forget(kept)
    for number, each in enumerate(kept):
        _again(context, each, {later.version for later in kept[number:]})


def _apply(
    context: Context, arguments: Mapping[str, Any], book: PriceBook, scope: Scope, skipped: list[dict[str, str]]
) -> dict[date, Changes]:
    journal, changes = Journal.of(context), dict[date, Changes]()
    asked = days_asked(arguments)
    journal.begin({name: arguments.get(name) for name in ("model", "provider", "from", "to")})
    if book.version != context.books.current.version:
        with context.paused():
            context.books.current = book
    with asides(context, TABLES) as beside:
        ends = committed_ends(beside.bench)
        for group in _groups(_days(context, beside.bench, arguments, skipped)):
            _check_room(context, group)
            repriced = RepricedDays(context, beside, book, scope, [each.day for each in group])
            repriced.reprice()
            changes |= repriced.changes
            ends = dict(repriced.reached) or ends
    named = {str(source): end for source, end in ends.items()}
    journal.end(Done(scope.model, scope.provider, str(asked.first), str(asked.last), book.version, named))
    return changes


def _book(context: Context, *, archived: bool) -> PriceBook:
    """Return the prices of now. Raises MaintenanceError."""
    try:
        return PriceBook.load(context.settings.prices, archive=context.folder / "prices" if archived else None)
    except OverrideError as error:
        raise MaintenanceError(str(error)) from error


def _days(
    context: Context, bench: Workbench, arguments: Mapping[str, Any], skipped: list[dict[str, str]]
) -> list[DayOfTable]:
    """Return the days that are asked for and have spans, the oldest first."""
    asked = days_asked(arguments)
    found = []
    for each in days_of(bench, ("span_rows",)):
        if asked.first <= each.day <= asked.last:
            if why := spans_gone(context, bench, each.day):
                skipped.append({"day": str(each.day), "why": why})
            else:
                found.append(each)
    return found


def _groups(days: Sequence[DayOfTable]) -> Iterator[list[DayOfTable]]:
    """Cut days into groups of bounded size, the oldest first."""
    group: list[DayOfTable] = []
    for each in days:
        if group and sum(day.bytes for day in group) + each.bytes > GROUP_BYTES:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _check_room(context: Context, group: Sequence[DayOfTable]) -> None:
    """Raise MaintenanceError where the disk may not hold the days twice."""
    needed = 2 * sum(each.bytes for each in group) + context.settings.disk_floor_bytes
    if (free := free_bytes(context.folder)) < needed:
        raise MaintenanceError(
            f"{free / 1e9:.1f} GB are free, and {group[0].day} to {group[-1].day} may need {needed / 1e9:.1f} GB while"
            " they are written again: free some space and repeat the command"
        )


def _may_come_back(context: Context, done: Done) -> bool:
    """Whether the log still has messages whose calls were repriced."""
    for partition in range(context.settings.partitions):
        source = str(context.log.source(TOPIC, partition))
        if context.log.first_offset(TOPIC, partition) < done.ends.get(source, 0):
            return True
    return False


def _again(context: Context, done: Done, versions: set[str]) -> None:
    """Reprice what has other prices than a repricing gave it: it was brought back from the log."""
    scope = Scope(done.model, done.provider)
    with workbench(context.database) as bench:
        named = ", ".join(f"'{version}'" for version in sorted(versions))
        kept = {
            context.log.source(TOPIC, number): context.log.first_offset(TOPIC, number)
            for number in range(context.settings.partitions)
        }
        places = " OR ".join(
            f"(log_source = {source} AND log_offset >= {kept[int(source)]} AND log_offset < {end})"
            for source, end in done.ends.items()
            if int(source) in kept
        )
        rows = bench.rows(
            f"SELECT DISTINCT toDate(received_at) AS day FROM span_rows WHERE ({places}) AND {scope.condition}"
            f" AND toDate(received_at) BETWEEN '{done.first}' AND '{done.last}' AND price_version NOT IN ({named})"
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


def _saying(context: Context, read: Any, day: date) -> Any:
    def saying(sql: str) -> Any:
        context.say(f"pricing {day}")
        return read(sql)

    return saying
