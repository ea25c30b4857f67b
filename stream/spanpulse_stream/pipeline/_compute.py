"""A batch from messages of the log to the rows of every table.

The result is a function of the messages, the versions of the claim and the log before them; nothing is written
here. Every record of the batch is counted once, as stored, duplicate, dead-lettered or filtered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from spanpulse_sinks.clickhouse import Batch
from spanpulse_sinks.dead_letters import DeadLetter, dead_letter_rows
from spanpulse_stream.columns import LogColumns
from spanpulse_stream.day import date_of
from spanpulse_stream.decisions import SIGNAL as DECISIONS
from spanpulse_stream.normalise import Rejection
from spanpulse_stream.pipeline._decisions import read_decisions
from spanpulse_stream.pipeline._logs import log_tables
from spanpulse_stream.pipeline._read import PROCESSING_FAILED, WHOLE_MESSAGE, read_logs, read_spans, whole
from spanpulse_stream.pipeline._scores import score_tables
from spanpulse_stream.pipeline._spans import span_tables
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.rows import ContentPolicy

__all__ = ["Computed", "compute"]

SIGNALS = ("traces", "logs", DECISIONS)
UNKNOWN_SIGNAL = "unknown_signal"
INVALID_JSON = "invalid_json"
QUOTING = (PROCESSING_FAILED, INVALID_JSON)  # whose details may quote what came


@dataclass(frozen=True, slots=True)
class Computed:
    """What a batch writes, the task it was computed from, and what was set aside."""

    batch: Batch
    task: Task
    rejected: list[Rejection]


def compute(task: Task) -> Computed:
    """Compute a batch; the task's memory advances, so that it cannot be computed twice with the same."""
    parts: list[Mapping[str, pa.RecordBatch]] = []
    rejected: list[Rejection] = []
    scored: list[LogColumns] = []
    decided, unreadable = read_decisions(task)
    rejected += unreadable
    if task.of_signal("traces") or decided is not None:
        spans = read_spans(task)
        rejected += spans.rejected
        tables, scored = span_tables(spans.columns, task, decided)
        parts.append(tables)
    if task.of_signal("logs"):
        logs = read_logs(task)
        rejected += logs.rejected
        tables, stored = log_tables(logs.columns, task)
        parts.append(tables)
        scored.append(stored)
    parts.append(score_tables(scored, task))
    readable = [message for message in task.messages if not message.unreadable]
    rejected += [whole(message, UNKNOWN_SIGNAL) for message in readable if message.signal not in SIGNALS]
    rejected += [whole(each, each.reason, each.unreadable) for each in task.messages if each.unreadable]
    _count_rejected(rejected, task)
    found = _joined(parts)
    found["dead_letters"] = dead_letter_rows(task.log_source, [_letter(each, task.policy) for each in rejected])
    found["batches"] = task.tally.table(task.log_source, task.versions.dump())
    task.memory.advance(task.end, found)
    return Computed(Batch(task.log_source, task.first, task.end - 1, date_of(task.day), found), task, rejected)


def _joined(parts: list[Mapping[str, pa.RecordBatch]]) -> dict[str, pa.RecordBatch | None]:
    """Return the tables of all parts; one that several fill gets the rows of each."""
    names = dict.fromkeys(name for part in parts for name in part)
    found = {name: [part[name] for part in parts if name in part] for name in names}
    return {name: batches[0] if len(batches) == 1 else pa.concat_batches(batches) for name, batches in found.items()}


def _count_rejected(rejected: list[Rejection], task: Task) -> None:
    for letter in rejected:
        message = task.tally.message(letter.log_offset)
        records = message.records if letter.ordinal == WHOLE_MESSAGE else 1
        task.tally.add_to(message, "accepted", records)
        task.tally.add_to(message, "dead_lettered", records)


def _letter(rejected: Rejection, policy: ContentPolicy) -> DeadLetter:
    """Return the dead letter; unless all texts may be kept, without its bytes: nobody knows what they say."""
    data, detail = rejected.bytes, rejected.detail
    if policy.limit is not None:
        if rejected.reason in QUOTING:
            detail = detail.partition(":")[0]  # the message of an exception
        detail = f"{detail} ({len(data)} bytes, not kept under the content policy)".lstrip()
        data = b""
    return DeadLetter(
        rejected.log_offset,
        rejected.ordinal,
        rejected.received_at,
        rejected.tenant,
        rejected.signal,
        rejected.reason,
        detail,
        data,
    )
