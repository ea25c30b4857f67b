"""An Azure trace as the OTLP requests of three services: real arrival times and sizes, generated everything else.

Deterministic: the same arguments give the same bytes. The tokens of all model calls add up to those of the trace
exactly; failed attempts are extra spans without usage. Ids follow from seed and ``until``, so another replay into
the same database is not a repetition.
"""

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from spanpulse_stream.traffic._data import TraceName
from spanpulse_stream.traffic._encode import request
from spanpulse_stream.traffic._language import Writer
from spanpulse_stream.traffic._plan import MODELS, SERVICES, Plan, make_plan
from spanpulse_stream.traffic._spans import SCOPE, Call, Timed, spans_of

__all__ = ["ModelTotals", "Totals", "expected_totals", "replay"]

MOST_SPANS: Final = 512
EXPORT_EVERY: Final = 5 * 10**9  # ns between two sends at most, as the SDK's batch processor does


@dataclass(slots=True)
class ModelTotals:
    """What one model did: requests that succeeded, and their tokens."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The truth about a replay. ``by_model`` has (provider, response model); ``failed`` attempts carry no usage."""

    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    by_model: dict[tuple[str, str], ModelTotals]


@dataclass(slots=True)
class _Exporter:
    """Spans of one service that wait for the next export; ``since`` is when the first of them ended."""

    resource: dict[str, str]
    since: int = 0
    spans: list[bytes] = field(default_factory=list)

    def is_due(self, moment: int, speed: float) -> bool:
        """Tell whether what waits must be sent before a span that ends at ``moment``."""
        return len(self.spans) == MOST_SPANS or (bool(self.spans) and moment - self.since >= EXPORT_EVERY * speed)


def replay(
    trace: TraceName = "conv", *, until: datetime, seed: int = 1, speed: float = 1.0
) -> Iterator[tuple[float, bytes]]:
    """Yield (due, body) of each export, in order: the last request of the trace ends at ``until`` (aware).

    ``due`` is when to send, in seconds since the start of the replay, ``speed`` times as fast as it happened.
    ``body`` is an ExportTraceServiceRequest of one resource and at most 512 spans.
    Raises ValueError when ``speed`` is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"speed must be above 0, not {speed}")
    plan = make_plan(trace, seed)
    begin = _nanoseconds(until) - int(plan.end.max())
    exporters = [_Exporter(_resource(service, begin)) for service in SERVICES]
    for moment, service, span in _in_order(plan, begin, seed):
        exporter = exporters[service]
        for other in exporters:
            if other.is_due(moment, speed):
                yield (moment - begin) / 1e9 / speed, _export(other)
        if not exporter.spans:
            exporter.since = moment
        exporter.spans.append(span)
    for other in exporters:
        if other.spans:
            yield int(plan.end.max()) / 1e9 / speed, _export(other)


def expected_totals(trace: TraceName = "conv", *, seed: int = 1) -> Totals:
    """Return what a whole replay holds, from the plan alone."""
    plan = make_plan(trace, seed)
    by_model: dict[tuple[str, str], ModelTotals] = {}
    for number, model in enumerate(MODELS):
        mine = plan.model == number
        by_model[model.provider, model.response_model] = ModelTotals(
            int(mine.sum()),
            int(plan.input_tokens[mine].sum()),
            int(plan.output_tokens[mine].sum()),
            int(plan.cache_read[mine].sum()),
            int(plan.cache_write[mine].sum()),
        )
    return Totals(
        requests=plan.start.size,
        failed=int(plan.fails_first.sum()),
        input_tokens=int(plan.input_tokens.sum()),
        output_tokens=int(plan.output_tokens.sum()),
        by_model=by_model,
    )


def _in_order(plan: Plan, begin: int, seed: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (end, service, span) of all spans in the order in which they end, as an SDK exports them."""
    writer = Writer(seed)
    salt = f"{seed}/{begin}".encode()
    waiting: list[Timed] = []
    for index in range(plan.start.size):
        arrival = begin + int(plan.start[index])
        while waiting and waiting[0][0] <= arrival:
            yield heapq.heappop(waiting)
        for timed in spans_of(Call(plan, index, begin, hashlib.sha256(salt + index.to_bytes(4)).digest(), writer)):
            heapq.heappush(waiting, timed)
    while waiting:
        yield heapq.heappop(waiting)


def _export(exporter: _Exporter) -> bytes:
    body = request(exporter.resource, SCOPE, exporter.spans)
    exporter.spans = []
    return body


def _resource(service: str, begin: int) -> dict[str, str]:
    return {
        "service.name": service,
        "service.version": "2.3.1",
        "service.instance.id": hashlib.sha256(f"{service}/{begin}".encode()).hexdigest()[:32],
        "deployment.environment.name": "production",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
    }


def _nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
