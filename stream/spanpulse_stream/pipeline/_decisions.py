"""The messages of a batch that hold decisions: read for the steps, and counted.

They come under a tenant of their own spans, whatever their headers say. One for another log source than this one was
sent before the topic was made anew: it is set aside, as is one that cannot be read.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc

from spanpulse_stream.columns import Words
from spanpulse_stream.decisions import SIGNAL, Decision, Decisions, NoDecisions
from spanpulse_stream.normalise import Rejection
from spanpulse_stream.pipeline._cut import Incoming
from spanpulse_stream.pipeline._read import whole
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.usage import (
    CONTEXT_FIELDS,
    RECORD_DECISION,
    Attribution,
    Corrections,
    Decided,
    settle_late,
    targets_of,
)

__all__ = ["read_decisions", "settled"]

UNREADABLE = "unreadable_decisions"
OTHER_SOURCE = "decisions_of_another_source"
Told = tuple[Incoming, int, Decision]


def read_decisions(task: Task) -> tuple[Decided | None, list[Rejection]]:
    """Return what the batch's messages of decisions say, in log order; None where there are none."""
    told: list[Told] = []
    rejected: list[Rejection] = []
    for message in task.of_signal(SIGNAL):
        encoding: Literal["otlp_json", "otlp_proto"] = "otlp_json" if message.encoding == "otlp_json" else "otlp_proto"
        try:
            found = Decisions.decode(message.value, encoding)
        except NoDecisions as error:
            rejected.append(whole(message, UNREADABLE, str(error)))
            continue
        if found.log_source != task.log_source:
            rejected.append(whole(message, OTHER_SOURCE, f"of source {found.log_source}, not {task.log_source}"))
            continue
        task.tally.rename(message, found.decisions[0].tenant)
        told += [(message, ordinal, decision) for ordinal, decision in enumerate(found.decisions)]
    return (_decided(told) if told else None), rejected


def settled(attribution: Attribution, task: Task, decided: Decided | None) -> Corrections:
    """Return all corrections of the batch, those of spans that have left the window too; the counts are made."""
    corrections, late = attribution.corrections, attribution.late
    ignored = 0
    if late is not None:
        stored = task.stored(targets_of(late, task.log_source), named=True)
        corrections, ignored = settle_late(late, corrections, stored)
    of_decisions = attribution.seen.filter(pc.equal(attribution.seen["record"], RECORD_DECISION))
    task.tally.add_of("decided", of_decisions["log_offset"].to_numpy(), of_decisions["tenant"].to_pylist())
    if decided is not None:
        task.decisions["ignored"] += ignored
        task.decisions["taken"] += decided.size - ignored
    return corrections


def _decided(told: Sequence[Told]) -> Decided:
    decisions = [decision for _, _, decision in told]

    def numbers(name: str, dtype: Any) -> Any:
        return np.array([getattr(decision, name) for decision in decisions], dtype)

    return Decided(
        size=len(told),
        log_offset=np.array([message.offset for message, _, _ in told], np.int64),
        ordinal=np.array([ordinal for _, ordinal, _ in told], np.int32),
        received_at=np.array([message.appended_at for message, _, _ in told], np.int64),
        trace_id=np.array(
            [(int(each.trace_id[:16], 16), int(each.trace_id[16:], 16)) for each in decisions], np.uint64
        ),
        span_id=np.array([int(each.span_id, 16) for each in decisions], np.uint64),
        target_log_offset=numbers("log_offset", np.int64),
        target_ordinal=numbers("ordinal", np.int32),
        target_received_at=numbers("received_at", np.int64),
        dropped=numbers("dropped", np.bool_),
        discounted=numbers("discounted", np.bool_),
        **{name: _words(decisions, name) for name in (*CONTEXT_FIELDS, "tenant", "reason")},
    )


def _words(decisions: Sequence[Decision], name: str) -> Words:
    places: dict[str, int] = {}
    texts: list[str | None] = [getattr(decision, name) for decision in decisions]
    codes = [-1 if text is None else places.setdefault(text, len(places)) for text in texts]
    return Words(np.array(codes, np.int32), list(places))
