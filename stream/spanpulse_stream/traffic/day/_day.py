"""The day as OTLP requests: what is past as fast as it can be sent, then what comes, at its own pace.

Deterministic: the same arguments give the same bytes. A request that has not ended at the end of the day, or of
which something is said later, belongs whole to what comes: no trace of the past is cut.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from spanpulse_stream.traffic._data import Signal
from spanpulse_stream.traffic._encode import request as encode_request
from spanpulse_stream.traffic.day._cast import DEPLOYMENTS, Deployment
from spanpulse_stream.traffic.day._flows import plan_request
from spanpulse_stream.traffic.day._request import Request
from spanpulse_stream.traffic.day._rhythm import REQUESTS, Rhythm
from spanpulse_stream.traffic.day._spans import Written, write
from spanpulse_stream.traffic.day._story import price_list

__all__ = ["Day", "Export"]

SECOND: Final = 10**9
MOST_RECORDS: Final = 256
SCOPE: Final = ("spanpulse.demo", "1.0.0")
PAST_EVERY: Final = 900 * SECOND
FUTURE_EVERY: Final = SECOND
LONGEST: Final = 20 * 60 * SECOND
"""No request lasts longer, the scores that it gets included."""


@dataclass(frozen=True, slots=True)
class Export:
    """One OTLP request of one resource: ``due`` seconds after the end of the day, at most 256 records."""

    due: float
    signal: Signal
    body: bytes
    records: int


class Day:
    """The 24 hours before ``until`` (aware) and what comes after them.

    Raises ValueError for a ``size`` (requests a day) below 1 or above that of the real trace behind it.
    """

    def __init__(self, until: datetime, *, seed: int = 1, size: int = REQUESTS) -> None:
        self.until = until
        self._seed = seed
        self._rhythm = Rhythm(size)
        self._end = (until - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000

    @property
    def prices(self) -> str:
        """The operator's price file of the company in the demo, YAML."""
        return price_list(self.until)

    def requests(self) -> Iterator[Request]:
        """Yield the requests of the past, as they are planned."""
        planned = (self._plan(number) for number in range(self._rhythm.size))
        return (request for request in planned if request.end <= 0)

    def past(self) -> Iterator[Export]:
        """Yield the exports of the past, those of a process in the order in which its spans ended."""
        return self._exports(self.requests(), PAST_EVERY)

    def future(self) -> Iterator[Export]:
        """Yield what comes, without end. An export is due when its newest record is there, a second late at most."""
        first = self._rhythm.first_after(-LONGEST)
        coming = (request for request in map(self._plan, count(first)) if request.end > 0)
        return self._exports(coming, FUTURE_EVERY)

    def _plan(self, number: int) -> Request:
        return plan_request(self._seed, number, self._rhythm.arrival(number))

    def _exports(self, requests: Iterable[Request], every: int) -> Iterator[Export]:
        exporters = {
            (deployment, signal): _Exporter(signal, self._resource(deployment))
            for deployment in DEPLOYMENTS
            for signal in ("traces", "logs")
        }
        newest = 0
        for deployment, record in self._in_order(requests):
            newest = record.moment
            for other in exporters.values():
                if other.is_due(newest, every):
                    yield other.export((newest - self._end) / SECOND)
            exporters[deployment, record.signal].add(record)
        for other in exporters.values():
            if other.waiting:
                yield other.export((newest - self._end) / SECOND)

    def _in_order(self, requests: Iterable[Request]) -> Iterator[tuple[Deployment, Written]]:
        """Yield the records as they come to be; equal moments in the order of the requests."""
        waiting: list[tuple[int, int, Deployment, Written]] = []
        numbers = count()
        for request in requests:
            arrival = self._end + request.steps[0].start
            while waiting and waiting[0][0] <= arrival:
                yield heapq.heappop(waiting)[2:]
            for record in write(request, self._seed, self._end):
                heapq.heappush(waiting, (record.moment, next(numbers), request.deployment, record))
        while waiting:
            yield heapq.heappop(waiting)[2:]

    def _resource(self, deployment: Deployment) -> dict[str, str]:
        return {
            "service.name": deployment.service,
            "service.version": deployment.version,
            "service.instance.id": f"{deployment.service}-{deployment.environment}-{self._end // SECOND:x}",
            "deployment.environment.name": deployment.environment,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.2",
        }


@dataclass(slots=True)
class _Exporter:
    """Records of one signal of one resource that wait for the next export; ``since`` is when the first was there."""

    signal: Signal
    resource: dict[str, str]
    since: int = 0
    waiting: list[bytes] = field(default_factory=list)

    def is_due(self, moment: int, every: int) -> bool:
        """Tell whether what waits must be sent before a record of ``moment`` is taken."""
        return len(self.waiting) == MOST_RECORDS or (bool(self.waiting) and moment - self.since >= every)

    def add(self, record: Written) -> None:
        """Take a record."""
        if not self.waiting:
            self.since = record.moment
        self.waiting.append(record.body)

    def export(self, due: float) -> Export:
        """Return what waits, and wait for nothing any more."""
        records, self.waiting = self.waiting, []
        return Export(due, self.signal, encode_request(self.resource, SCOPE, records), len(records))
