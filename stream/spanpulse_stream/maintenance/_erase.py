"""`spanpulse erase`: what one user or one trace left behind, or all that was received before a day, is taken out.

Most is erased while batches are written; then the stream processors are held, what arrived meanwhile is erased,
users are taken out of what partitions remember, and the log forgets all that was processed: from then on nothing
could bring it back. The sums without a user stay exactly what they were: an erased span leaves a husk.

An interrupted erasure is finished by the next start. Not covered: what arrives after the call, backups, and blocks
that a file system or a disk keeps of deleted files.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from spanpulse_sinks.clickhouse import TABLES, Workbench, purge_old_parts, workbench
from spanpulse_stream.log import TOPIC
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._erase_days import count_days, erase_days
from spanpulse_stream.maintenance._erase_left import still_named
from spanpulse_stream.maintenance._erase_request import EraseRequest, Journal
from spanpulse_stream.maintenance._erase_rows import (
    count_rest,
    erase_bulk,
    erase_context,
    erase_updates,
    erase_user_sums,
)
from spanpulse_stream.maintenance._erase_targets import drop_targets, find_targets, found_rows, tenants_of
from spanpulse_stream.maintenance._erase_users import take_back_users
from spanpulse_stream.operations import MaintenanceError

__all__ = ["erase", "resume_erase", "sweep_list"]

LOG = logging.getLogger(__name__)
LOOK_AGAIN_S = 0.1
STANDS_STILL_S = 60.0
MIB = 1024 * 1024
MEMORY = 512 * MIB


def erase(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Erase ``user``, ``trace`` or ``before`` (of ``tenant``); with ``dry_run`` only count.

    Returns {"rows": table -> rows, "held_seconds"}; unless it only counted, "still_named" (column -> values that hold
    the id) and "old_parts" (that a query still reads, and that go when it ends) as well.
    Raises MaintenanceError, Stopped, and what the database raises.
    """
    request = EraseRequest.parse(arguments)
    _check_tenant(context, request)
    journal = Journal(context.folder)
    unfinished = journal.read()
    if arguments.get("dry_run"):
        if unfinished is not None:
            raise MaintenanceError(f"the erasure of {unfinished} is not finished yet; repeat it first")
        return {"rows": _counted(context, request), "held_seconds": 0.0}
    if unfinished not in (None, request):
        context.say("finishing an earlier erasure")
        _carry_out(context, unfinished, journal)
    _wait_for_pending(context)
    if unfinished != request:
        _forget_list(context)
    journal.write(request)
    return _carry_out(context, request, journal)


def sweep_list(context: Context) -> None:
    """Remove the list that a killed count left; that of an erasure which is not finished stays."""
    if not Journal(context.folder).is_there():
        _forget_list(context)


def resume_erase(context: Context) -> None:
    """Finish an erasure that was interrupted. Raises what `erase` raises."""
    journal = Journal(context.folder)
    if (request := journal.read()) is not None:
        LOG.warning("finishing the erasure of %s that was interrupted", request)
        _carry_out(context, request, journal)


def _check_tenant(context: Context, request: EraseRequest) -> None:
    """Raise MaintenanceError for a tenant that never sent anything: the name is wrong."""
    if request.tenant is not None:
        with workbench(context.database) as bench:
            if request.tenant not in tenants_of(bench):
                raise MaintenanceError(f"nothing was ever received of a tenant {request.tenant!r}; check the name")


def _carry_out(context: Context, request: EraseRequest, journal: Journal) -> dict[str, Any]:
    with workbench(context.database, memory_bytes=MEMORY) as bench:
        if request.user is not None:  # most of it, while batches are written
            context.say("looking for the traces of the user")
            find_targets(bench, request)
            erase_bulk(bench, context.say)
        context.say("holding the stream processors")
        with context.paused():
            begun = time.monotonic()
            rows = _rest(context, bench, request)
            context.say("rewriting the log without what was processed")
            context.log.forget()
            held = time.monotonic() - begun
        context.say("removing old parts")
        named = still_named(bench, request) if request.before is None else {}
        drop_targets(bench)
        if left := purge_old_parts(bench, TABLES):
            LOG.warning("%d old parts are still being read and go within minutes", left)
    journal.remove()
    return {"rows": rows, "held_seconds": round(held, 3), "still_named": named, "old_parts": left}


def _rest(context: Context, bench: Workbench, request: EraseRequest) -> dict[str, int]:
    """Erase all that is there, while nothing is written; returns rows by table."""
    if request.before is not None:
        return erase_days(context, bench, request)
    context.say("erasing what came meanwhile")
    find_targets(bench, request)
    found = Counter(found_rows(bench))
    found["rollup_user"] = take_back_users(bench) if request.trace is not None else erase_user_sums(bench)
    erase_bulk(bench, context.say, still=True)
    found["span_updates"] = erase_updates(bench)
    found["seen"] = erase_context(bench)
    return dict(found)


def _counted(context: Context, request: EraseRequest) -> dict[str, int]:
    with workbench(context.database, memory_bytes=MEMORY) as bench:
        if request.before is not None:
            return count_days(bench, request)
        context.say("looking for what there is")
        drop_targets(bench)
        try:
            find_targets(bench, request)
            return found_rows(bench) | count_rest(bench)
        finally:
            drop_targets(bench)


def _forget_list(context: Context) -> None:
    """Remove what is listed: of another request, the list would erase what nobody asked for."""
    with workbench(context.database) as bench:
        drop_targets(bench)


def _wait_for_pending(context: Context) -> None:
    """Wait until what the log has now is processed. Raises MaintenanceError where that stands still."""
    partitions = range(context.settings.partitions)
    ends = [context.log.end_offset(TOPIC, partition) for partition in partitions]
    least, since = None, time.monotonic()
    while left := sum(
        max(0, end - context.log.committed(TOPIC, partition)) for partition, end in zip(partitions, ends, strict=True)
    ):
        if left != least:
            least, since = left, time.monotonic()
        elif time.monotonic() - since > STANDS_STILL_S:
            raise MaintenanceError(
                f"{left} messages that came before this call are not being processed, so their spans cannot be found; "
                "`spanpulse status` says why"
            )
        context.say("processing what waits in the log", total=None, done=None)
        context.stopping.wait(LOOK_AGAIN_S)
