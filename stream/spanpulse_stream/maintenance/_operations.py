"""The operations by name, and what finishes one that a kill interrupted."""

from collections.abc import Callable, Mapping
from typing import Any

from spanpulse_stream.maintenance._audit import audit
from spanpulse_stream.maintenance._backup import backup
from spanpulse_stream.maintenance._backup_links import sweep_links
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._erase import erase, resume_erase, sweep_list
from spanpulse_stream.maintenance._erase_request import Journal as ErasureJournal
from spanpulse_stream.maintenance._rebuild import rebuild
from spanpulse_stream.maintenance._rebuild_swap import finish_swap
from spanpulse_stream.maintenance._replay import replay
from spanpulse_stream.maintenance._reprice import mark_interrupted, reprice, resume_reprice
from spanpulse_stream.maintenance._reprice_journal import Journal as RepriceJournal

__all__ = ["FINISHERS", "OPERATIONS", "RESUMERS", "Operation", "unfinished"]

Operation = Callable[[Context, Mapping[str, Any]], dict[str, Any]]
"""Takes arguments as JSON has them and returns a report as JSON has it. Raises MaintenanceError for a person,
Stopped, and what the database raises."""

OPERATIONS: Mapping[str, Operation] = {
    "audit": audit,
    "backup": backup,
    "erase": erase,
    "rebuild": rebuild,
    "replay": replay,
    "reprice": reprice,
}

FINISHERS: tuple[Callable[[Context], None], ...] = (sweep_links, sweep_list, finish_swap, mark_interrupted)
"""Each is called at a start, after the repair and before the first batch; does nothing where nothing is unfinished."""

RESUMERS: Mapping[str, Callable[[Context], None]] = {"erase": resume_erase, "reprice": resume_reprice}
"""Operation -> what brings it to its end in the background, once the stream processors run: for what may only be
finished when no batch is half written. Does nothing where nothing is unfinished."""


def unfinished(context: Context) -> list[str]:
    """Return the operations that were begun and that their resumer has to finish."""
    found = ["erase"] if ErasureJournal(context.folder).is_there() else []
    try:
        repricing = RepriceJournal.of(context).under_way() is not None
    except (OSError, ValueError, LookupError, TypeError):
        repricing = True  # nobody knows, so somebody should look
    return [*found, "reprice"] if repricing else found
