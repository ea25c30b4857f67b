"""One span with its texts: asked for when it is looked at, so that a list of thousands stays light.

Messages longer than `MOST_BYTES` are not parsed; their beginning is shown as it is. Late messages, which came in log
events, are shown where the span has none itself, as in the view `spans`. Not guaranteed: one consistent moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._reader import Row, Statement
from spanpulse_dashboards.traces._ask import ask_now
from spanpulse_dashboards.traces._detail_models import DeadLetter, Link, SpanDetail, SpanEvent, Text
from spanpulse_dashboards.traces._filters import time_of
from spanpulse_dashboards.traces._money import Prices, explain_cost
from spanpulse_dashboards.traces._scores import read_scores
from spanpulse_dashboards.traces._spans import Place, read_update
from spanpulse_dashboards.traces._texts import conversation, parsed, text_of
from spanpulse_dashboards.traces._whose import counted_by

__all__ = ["NoSuchSpan", "Stored", "read_detail", "read_stored"]

MOST_BYTES = 8 * 1024 * 1024
MOST_EVENTS = 200
MOST_LETTERS = 50
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
TOKENS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens"),
)
CONTENTS = ("input_messages", "output_messages", "retrieval_query", "retrieval_documents", "events", "links")
NAMED = "trace_id = {trace_id:String} AND tenant = {tenant:String} AND span_id = {span_id:String}"
SPAN = f"""
SELECT * EXCEPT ({", ".join((*CONTENTS, "cost", "start_time", "end_time", "received_at"))}),
    {", ".join(f"substring({name}, 1, {MOST_BYTES}) AS {name}" for name in CONTENTS)}, toString(cost) AS cost,
    toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns,
    toUnixTimestamp64Milli(received_at) AS received_ms
FROM span_rows WHERE {NAMED} $place
ORDER BY dropped OR (log_source, log_offset, ordinal) IN (
    SELECT log_source, target_log_offset, target_ordinal FROM span_updates WHERE {NAMED} AND dropped
), log_source, log_offset, ordinal LIMIT 1
"""
LATE = f"""
SELECT direction, substring(messages, 1, {MOST_BYTES}) AS messages FROM span_texts
WHERE {NAMED} AND messages != '[]' ORDER BY log_offset, ordinal, position LIMIT 100
"""
LETTERS = f"""
SELECT ordinal, reason, substringUTF8(detail, 1, 2000) AS detail FROM dead_letters
WHERE tenant = {{tenant:String}} AND received_at = fromUnixTimestamp64Milli({{received_ms:Int64}})
    AND log_source = {{log_source:UInt32}} AND log_offset = {{log_offset:Int64}} ORDER BY ordinal LIMIT {MOST_LETTERS}
"""


class NoSuchSpan(LookupError):  # noqa: N818 -- reads as what it is
    """The trace has no span of that id, or not at that place."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A span as it is stored, its newest correction, and its messages: its own, or else those that came late."""

    row: Row
    update: Mapping[str, Any]
    input: str | None
    output: str | None
    late: str


async def read_stored(backend: Backend, tenant: str, trace_id: str, span_id: str, place: Place | None = None) -> Stored:
    """Return a span; of several with its id the one at ``place``, or the first. Raises NoSuchSpan, QueryFailed."""
    named: dict[str, Any] = {"tenant": tenant, "trace_id": trace_id, "span_id": span_id}
    where = ""
    parameters = dict(named)
    if place is not None:
        where = " AND (log_source, log_offset, ordinal) = ({source:UInt32}, {offset:Int64}, {ordinal:Int32})"
        parameters |= dict(zip(("source", "offset", "ordinal"), place, strict=True))
    rows = await ask_now(backend, Statement(SPAN.replace("$place", where), parameters))
    if not rows:
        raise NoSuchSpan(f"the trace {trace_id} has no span {span_id}")
    row = rows[0]
    own = (row["input_messages"], row["output_messages"])
    late = await ask_now(backend, Statement(LATE, named)) if None in own else ()
    found = [
        own[number] if own[number] is not None else _joined(late, direction)
        for number, direction in enumerate(("input", "output"))
    ]
    came = [name for name, before, now in zip(("input", "output"), own, found, strict=True) if before is None and now]
    update = await read_update(backend, tenant, trace_id, span_id, row)
    return Stored(row, update, found[0], found[1], "both" if len(came) == 2 else "".join(came))


async def read_detail(backend: Backend, stored: Stored, prices: Prices) -> SpanDetail:
    """Return everything that is shown of a span. Raises QueryFailed."""
    row, update = stored.row, stored.update
    keys = {name: row[name] for name in ("tenant", "trace_id", "span_id")}
    received = int(row["received_ms"])
    scores = await read_scores(backend, row["tenant"], row["trace_id"], int(row["start_ns"]), row["span_id"])
    place = {"log_source": row["log_source"], "log_offset": row["log_offset"]}
    letters = await ask_now(backend, Statement(LETTERS, {"tenant": row["tenant"], "received_ms": received, **place}))
    newest = {**row, **{name: value for name, value in update.items() if value is not None}}
    counted = bool(newest["counted"])
    (inputs, left_in), (outputs, left_out) = conversation(stored.input, "input"), conversation(stored.output, "output")
    events = _list(row["events"])
    is_call = row["usage_status"] not in {None, "aggregate"}
    return SpanDetail(
        **keys,
        parent_span_id=row["parent_span_id"],
        place=f"{row['log_source']}.{row['log_offset']}.{row['ordinal']}",
        received_at=time_of(received * 1_000_000),
        name=row["name"],
        kind=row["kind"],
        span_kind=KINDS[row["span_kind"]] if row["span_kind"] < len(KINDS) else "unspecified",
        service=row["service_name"],
        environment=row["environment"],
        start_ns=int(row["start_ns"]),
        end_ns=int(row["end_ns"]),
        duration_ns=row["duration_ns"],
        time_to_first_token_ns=row["time_to_first_token_ns"],
        status=row["status"],
        status_message=row["status_message"],
        error_type=row["error_type"],
        operation=row["operation"],
        provider=row["provider"],
        request_model=row["request_model"],
        response_model=row["response_model"],
        response_id=row["response_id"],
        stream=row["stream"],
        finish_reasons=row["finish_reasons"] or [each.finish_reason for each in outputs if each.finish_reason],
        counted=counted,
        counted_by=await counted_by(backend, row, update) if is_call and not counted else None,
        correction=update.get("reason"),
        usage_status=row["usage_status"],
        tokens={name: row[name] for name in TOKENS if row[name] is not None},
        cost=await explain_cost(row, prices),
        user=newest["user_id"],
        session=newest["session_id"],
        prompt=newest["prompt_name"],
        prompt_version=newest["prompt_version"],
        experiments=row["experiments"],
        tags=row["tags"],
        weight=row["weight"],
        input=inputs,
        output=outputs,
        late_texts=stored.late,  # type: ignore[arg-type]  # one of the literals, by read_stored
        messages_left_out=left_in + left_out,
        retrieval_query=_text(row, "retrieval_query"),
        retrieval_documents=_text(row, "retrieval_documents"),
        emitter=f"{row['emitter_name']} {row['emitter_version']}".strip(),
        attributes=_attributes(row["attributes"], "attribute"),
        resource=_object(row["resource"]),
        events=[_event(each, number) for number, each in enumerate(events[:MOST_EVENTS])],
        events_left_out=max(0, len(events) - MOST_EVENTS),
        links=[_link(each, number) for number, each in enumerate(_list(row["links"])[:MOST_EVENTS])],
        anomalies=row["anomalies"],
        scores=scores,
        dead_letters=[DeadLetter(**each) for each in letters],
    )


def _joined(late: Sequence[Row], direction: str) -> str | None:
    """Return one list of the late messages of a direction, as the view does, or None."""
    lists = [str(row["messages"]).strip()[1:-1] for row in late if row["direction"] == direction]
    return f"[{','.join(lists)}]" if lists else None


def _text(row: Row, name: str) -> Text | None:
    return None if row[name] is None else text_of(row[name], name)


def _attributes(found: Any, source: str) -> dict[str, Text]:
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: text_of(value, f"{source}.{key}") for key, value in sorted(pairs)}


def _event(event: Any, number: int) -> SpanEvent:
    known = event if isinstance(event, dict) else {}
    time = known.get("time")
    attributes = _attributes(known.get("attributes"), f"event.{number}")
    return SpanEvent(
        time_ns=time if isinstance(time, int) else None, name=str(known.get("name", "")), attributes=attributes
    )


def _link(link: Any, number: int) -> Link:
    known = link if isinstance(link, dict) else {}
    return Link(
        trace_id=str(known.get("trace_id", "")),
        span_id=str(known.get("span_id", "")),
        attributes=_attributes(known.get("attributes"), f"link.{number}"),
    )


def _list(text: str | None) -> list[Any]:
    found = parsed(text)
    return found if isinstance(found, list) else []


def _object(text: str | None) -> dict[str, Any]:
    found = parsed(text)
    return found if isinstance(found, dict) else {}
