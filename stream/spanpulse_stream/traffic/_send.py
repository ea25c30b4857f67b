"""Sends OTLP requests over HTTP and says what became of them.

A body is either acknowledged (200) or counted as refused or failed, never dropped silently. 429 and 503 are
repeated after the server's Retry-After, connection errors after a delay that doubles, each with jitter and a limit.
Not guaranteed: that a body whose answer was lost is stored once by servers that know no duplicates.
"""

import asyncio
import gzip
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import httpx

__all__ = ["Outgoing", "Report", "Sender"]

RETRIED: Final = frozenset({429, 502, 503, 504})
LONGEST_WAIT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request: its signal (traces or logs), body, number of records, and when to send it (s from the start)."""

    signal: str
    body: bytes
    records: int = 0
    due: float = 0.0

    def later(self, seconds: float) -> "Outgoing":
        """Return the same request, due later by a number of seconds, or earlier by a negative one."""
        return replace(self, due=self.due + seconds)


@dataclass(slots=True)
class Report:
    """What became of the requests; ``latencies`` are seconds of each acknowledged one, from its last attempt."""

    acknowledged: int = 0
    acknowledged_records: int = 0
    refused: int = 0
    failed: int = 0
    retries: int = 0
    latencies: list[float] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies in seconds, 0 <= share <= 1; NaN without any."""
        ordered = sorted(self.latencies)
        return ordered[round(share * (len(ordered) - 1))] if ordered else float("nan")


@dataclass(slots=True)
class Sender:
    """Sends to one OTLP/HTTP address over kept-alive connections, ``at_once`` requests at a time."""

    address: str  # http://host:port
    at_once: int = 4
    compress: bool = False
    most_attempts: int = 10
    timeout: float = 60.0
    headers: dict[str, str] = field(default_factory=dict)
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.perf_counter
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def send(self, requests: Iterable[Outgoing], *, on_sent: Callable[[Report], None] | None = None) -> Report:
        """Send all requests, none before it is due, and return the report; ``on_sent`` sees it after each one.

        Takes the next request only when one of ``at_once`` places is free, so memory stays bounded.
        """
        report, started = Report(), self.clock()
        limits = httpx.Limits(max_connections=self.at_once, max_keepalive_connections=self.at_once)
        source = iter(requests)
        async with httpx.AsyncClient(base_url=self.address, limits=limits, timeout=self.timeout) as client:

            async def work() -> None:
                for outgoing in source:
                    if (early := started + outgoing.due - self.clock()) > 0:
                        await self.pause(early)
                    await self._send(client, outgoing, report)
                    if on_sent is not None:
                        on_sent(report)

            async with asyncio.TaskGroup() as group:
                for _ in range(self.at_once):
                    group.create_task(work())
        return report

    async def _send(self, client: httpx.AsyncClient, outgoing: Outgoing, report: Report) -> None:
        body = gzip.compress(outgoing.body, 1) if self.compress else outgoing.body
        headers = {"content-type": "application/x-protobuf", **self.headers}
        if self.compress:
            headers["content-encoding"] = "gzip"
        for attempt in range(self.most_attempts):
            begun = self.clock()
            try:
                answer = await client.post(f"/v1/{outgoing.signal}", content=body, headers=headers)
            except httpx.TransportError as error:
                reason, wait = type(error).__name__, None
            else:
                if answer.status_code == httpx.codes.OK:
                    report.acknowledged += 1
                    report.acknowledged_records += outgoing.records
                    report.latencies.append(self.clock() - begun)
                    return
                reason, wait = str(answer.status_code), _retry_after(answer)
                if answer.status_code not in RETRIED:
                    break
            if attempt + 1 < self.most_attempts:
                report.retries += 1
                await self.pause(self._delay(attempt, wait))
        if reason.isdigit():
            report.refused += 1
        else:
            report.failed += 1
        report.reasons[reason] = report.reasons.get(reason, 0) + 1

    def _delay(self, attempt: int, asked: float | None) -> float:
        """Return seconds to wait: what the server asked for, else doubling from 0.1; up to half as much again."""
        wait = asked if asked is not None else 0.1 * 2**attempt
        return min(wait, LONGEST_WAIT) * (1 + self.jitter() / 2)


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the header's seconds; a date or nonsense counts as absent."""
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
