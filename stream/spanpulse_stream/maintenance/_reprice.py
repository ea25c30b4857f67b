"""`reprice`: stored calls of a model under the prices of now, and every rollup they are in, while data keeps arriving.

The process takes the prices of now (its price file as it is) over for what it computes next, so that nothing arrives
under the old ones afterwards. Days are repriced in groups, each of them everywhere at once. One that ended before the
first group leaves nothing behind; one that ended after it goes on at the next start, under the same prices, or when it
is asked for again. Not guaranteed: that spans are unchanged for a reader between two groups: some days have the new
prices then.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from spanpulse_sinks.clickhouse import DayOfTable, Workbench, days_of, free_bytes, workbench
from spanpulse_stream.log import TOPIC
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_days import committed_ends, days_asked, spans_gone
from spanpulse_stream.maintenance._rebuild_swap import Asides, asides
from spanpulse_stream.maintenance._reprice_again import reprice_again
from spanpulse_stream.maintenance._reprice_costs import Changes, Scope
from spanpulse_stream.maintenance._reprice_days import TABLES, RepricedDays, changes_of
from spanpulse_stream.maintenance._reprice_journal import Done, Journal
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.price import OverrideError, PriceBook, UnknownPriceVersion

__all__ = ["mark_interrupted", "reprice", "resume_reprice"]

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
        asked = {name: arguments.get(name) for name in ("model", "provider", "from", "to")}
        _check_unfinished(context, asked)
        changes = _carry_out(context, asked, book, skipped)
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
    """Bring a repricing to its end that was interrupted, and reprice again what came back from the log since."""
    if (asked := Journal.of(context).under_way()) is not None:
        LOG.warning("going on with the repricing of %s that was interrupted", asked["model"])
        _carry_out(context, asked, _book_of(context, asked.get("version")), [])
    reprice_again(context)


def mark_interrupted(context: Context) -> None:
    """At a start, before the first batch: note which spans an interrupted repricing is about, those until now.

    What arrives from here on has the prices of this start, which may be others.
    """
    journal = Journal.of(context)
    asked = journal.under_way()
    if asked is None or "limits" in asked:
        return
    with workbench(context.database) as bench:
        limits = {str(source): end for source, end in committed_ends(bench).items()}
    for partition in range(context.settings.partitions):
        claim = context.log.claimed(TOPIC, partition)  # it is replayed at the prices of its time
        if claim is not None:
            limits[str(context.log.source(TOPIC, partition))] = claim.end
    journal.begin({**asked, "limits": limits})


def _carry_out(
    context: Context, asked: Mapping[str, Any], book: PriceBook, skipped: list[dict[str, str]]
) -> dict[date, Changes]:
    """Reprice, and note it in the journal from the moment on in which something may be changed."""
    journal, scope, period = Journal.of(context), Scope(asked["model"], asked.get("provider")), days_asked(asked)
    limits = asked.get("limits")
    with asides(context, TABLES) as beside:
        groups = list(_groups(_days(context, beside.bench, asked, skipped)))
        for group in groups:
            _check_room(context, group)
        ends, before = committed_ends(beside.bench), journal.under_way()
        run = _Run(
            context, beside, book, scope, {int(source): end for source, end in limits.items()} if limits else None
        )
        journal.begin({**asked, "version": book.version})
        try:
            ends = run.reprice(groups) or ends
        except Exception as error:
            if run.swapped is None:
                journal.put_back(before)
                raise
            why = " ".join(str(error).split())[:300] or "it was stopped"
            raise MaintenanceError(
                f"{why}: days up to {run.swapped} may have the new prices, later ones have the old ones. Repeat the"
                " command, or the next start goes on with it"
            ) from error
    named = {str(source): end for source, end in ends.items()}
    done = Done(scope.model, scope.provider, str(period.first), str(period.last), book.version, limits or named)
    journal.end(done)
    return run.changes


@dataclass(slots=True)
class _Run:
    """Groups of days, one after the other; up to ``swapped`` days may have the new prices."""

    context: Context
    beside: Asides
    book: PriceBook
    scope: Scope
    limits: Mapping[int, int] | None
    swapped: date | None = None
    changes: dict[date, Changes] = field(default_factory=dict)

    def reprice(self, groups: Sequence[Sequence[DayOfTable]]) -> dict[int, int]:
        """Return the offsets up to which spans have the new prices; where ``limits`` are given, only below those."""
        if self.limits is None and self.book.version != self.context.books.current.version:
            with self.context.paused():
                self.context.books.current = self.book
        ends: dict[int, int] = {}
        for group in groups:
            _check_room(self.context, group)
            days = RepricedDays(
                self.context, self.beside, self.book, self.scope, [each.day for each in group], self.limits
            )
            try:
                days.reprice()
            finally:
                self.swapped = group[-1].day if days.swapping else self.swapped
            self.changes |= days.changes
            ends = dict(days.reached) or ends
        return ends


def _check_unfinished(context: Context, asked: Mapping[str, Any]) -> None:
    """Raise MaintenanceError where another repricing is unfinished: its days would have two prices for good."""
    if (other := Journal.of(context).under_way()) is None:
        return
    mine, its = days_asked(asked), days_asked(other)
    same = asked["model"] == other["model"] and asked.get("provider") in (None, other.get("provider"))
    if not same or mine.first > its.first or mine.last < its.last:
        last = f" --to {other['to']}" if other.get("to") else ""
        of = f" --provider {other['provider']}" if other.get("provider") else ""
        raise MaintenanceError(
            f"another repricing was interrupted, and some of its days have their new prices. Repeat it first:"
            f" spanpulse reprice --model {other['model']} --from {other['from']}{last}{of}"
        )


def _book_of(context: Context, version: str | None) -> PriceBook:
    """Return the prices that an interrupted repricing began with. Raises MaintenanceError."""
    if version is None:  # one of before it was noted
        return _book(context, archived=True)
    try:
        return PriceBook.for_version(version, archive=context.folder / "prices")
    except UnknownPriceVersion as error:
        raise MaintenanceError(f"{error}: repeat the repricing with the prices of now") from error


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
            if why := spans_gone(context.database.config.retention, bench, each.day):
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


def _saying(context: Context, read: Any, day: date) -> Any:
    def saying(sql: str) -> Any:
        context.say(f"pricing {day}")
        return read(sql)

    return saying
