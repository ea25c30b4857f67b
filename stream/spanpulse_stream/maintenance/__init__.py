"""What an operator does to stored data: each an operation that runs beside the stream processors.

An operation is a function of a `Context` and of plain arguments; it runs in a thread of its own, one at a time, in
the process that owns the data folder. `between_batches` of the context holds the writer for a moment in which every
batch is whole in every table. What an operation changes in several steps it writes down first (a journal in the data
folder), so that `finish`, at the next start and before the first batch, brings it to its end.
"""

from spanpulse_stream.maintenance._audit_shared import audit_shared
from spanpulse_stream.maintenance._backup_copy import note_damage
from spanpulse_stream.maintenance._backup_manifest import Manifest, Wrong, check_files
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._operations import FINISHERS, OPERATIONS, RESUMERS, Operation, unfinished
from spanpulse_stream.maintenance._restore import RESTORING, restore

__all__ = [
    "FINISHERS",
    "OPERATIONS",
    "RESTORING",
    "RESUMERS",
    "Context",
    "Manifest",
    "Operation",
    "Wrong",
    "audit_shared",
    "check_files",
    "note_damage",
    "restore",
    "unfinished",
]
