"""Decisions among the messages of a log: about spans that lie before them in it, some repeated, some about no span.

What they decide is random, so a log with them is one that a reconciler need not have sent, and must be applied all the
same: each takes effect once, whatever it is about.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanpulse_stream.decisions import SIGNAL, Decision, Decisions
from spanpulse_stream.pipeline import Incoming

SOURCE = 7


def decisions_message(offset: int, at: int, *decisions: Decision, source: int = SOURCE) -> Incoming:
    """Return the message of some decisions."""
    value = Decisions(source, decisions).encode("otlp_proto")
    return Incoming(offset, at, "default", SIGNAL, 0, value)


def targets_in(message: Incoming) -> Iterator[Decision]:
    """Yield, for each span of a message, a decision about it that changes nothing yet."""
    if message.signal != "traces":
        return
    request = ExportTraceServiceRequest.FromString(message.value)
    spans = [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
    for ordinal, span in enumerate(spans):
        yield Decision(
            log_offset=message.offset,
            ordinal=ordinal,
            received_at=message.appended_at,
            tenant=message.tenant,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            reason="duplicate",
        )


def with_decisions(log: list[Incoming], seed: int) -> list[Incoming]:
    """Return a log of contiguous offsets from 0 with decisions put between its messages, renumbered."""
    rng = random.Random(seed)
    found: list[Incoming] = []
    known: list[Decision] = []
    said: list[Decision] = []
    for message in log:
        moved = replace(message, offset=len(found))
        found.append(moved)
        known += targets_in(moved)
        while known and rng.random() < 0.4:
            made = [_decided(rng.choice(known[-40:]), rng) for _ in range(rng.randint(1, 6))]
            said += made
            made += rng.sample(said, min(len(said), 2))  # again
            source = SOURCE if rng.random() < 0.9 else SOURCE + 1
            found.append(decisions_message(len(found), moved.appended_at, *made, source=source))
    return found


def _decided(target: Decision, rng: random.Random) -> Decision:
    what = rng.randrange(5)
    if what == 0:
        return replace(target, dropped=True, user_id=rng.choice([None, "user-3"]))
    if what == 1:
        return replace(target, discounted=True, reason="response_id")
    if what == 2:
        return replace(target, user_id="user-5", prompt_name="decided", reason="context")
    if what == 3:
        return replace(target, discounted=True, session_id="s-decided", prompt_version="9", reason="ancestor")
    # Another place, another span: there is nothing of that kind.
    return replace(target, **rng.choice([{"ordinal": 77}, {"span_id": "f" * 16}, {"tenant": "nobody"}]), dropped=True)
