"""Questions to the database: prepared statements with typed parameters, bounded in every way, asked once for all.

Equal questions that are asked at the same time are one query; answers are kept by the edition of the data. A query
that nobody waits for any more is ended. Bounds: time, rows and memory of a query, queries at once, questions that
wait, answers that are kept. Dear questions, which read spans, leave a slot and half of the places to wait in to the
others: however many ask them, figures from the rollups do not wait behind them. For one event loop. Not guaranteed: a
consistent view over several statements, as a batch may be stored between them; that askers have equal shares.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from spanpulse_sinks.clickhouse import Cancel, Database, Parameters, QueryFailed, QueryLimits, query

__all__ = ["PAGE_LIMITS", "Answer", "Reader", "Row", "Statement"]

MIB = 1024 * 1024
PAGE_LIMITS = QueryLimits(seconds=10.0, rows=100_000, result_bytes=32 * MIB, memory_bytes=256 * MIB)
AT_ONCE = 2  # one of the database's sessions stays free for the pipeline
MOST_WAITING = 64
MOST_DEAR = MOST_WAITING // 2
MOST_KEPT = 512
MOST_KEPT_BYTES = 16 * MIB
LARGEST_KEPT = 2 * MIB
AGAIN_S = 0.2  # a query that had not begun when it was killed is killed again

Row = Mapping[str, Any]
Key = tuple[str, tuple[tuple[str, Any], ...], str | None]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of our own, and values for its places ``{name:Type}``. Nothing from outside may enter ``sql``."""

    sql: str
    parameters: Parameters = field(default_factory=dict)

    def key(self, edition: str | None) -> Key:
        """Return what equal questions have in common."""
        values = ((name, tuple(each) if isinstance(each, list) else each) for name, each in self.parameters.items())
        return self.sql, tuple(sorted(values)), edition


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a statement, shared by all who asked: not to be changed. ``seconds`` is what the query took."""

    rows: tuple[Row, ...]
    seconds: float
    size: int


@dataclass(slots=True)
class _Flight:
    cancel: Cancel
    task: "asyncio.Task[Answer]"
    dear: bool
    waiting: int = 0


class Reader:
    """Asks ``database``. Made and used inside the event loop; `close` before the database closes."""

    def __init__(self, database: Database, *, at_once: int = AT_ONCE, limits: QueryLimits = PAGE_LIMITS) -> None:
        self._database = database
        self._limits = limits
        self._slots = asyncio.Semaphore(at_once)
        self._dear_slots = asyncio.Semaphore(max(1, at_once - 1))
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="page")
        self._flights: dict[Key, _Flight] = {}
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._kept_bytes = 0
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self.asked = 0
        """How many queries the database was asked."""

    async def rows(
        self,
        statement: Statement,
        *,
        edition: str | None = None,
        limits: QueryLimits | None = None,
        dear: bool = False,
        took: Callable[[float], None] = lambda _: None,
    ) -> Answer:
        """Return the answer; with an ``edition``, the one that is kept where there is one.

        ``dear`` says that the statement reads spans, not rollups; ``took`` is told the seconds of a query that is begun
        for this answer, not those of one that is shared. Raises QueryFailed.
        """
        key = statement.key(edition)
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        flight = self._flights.get(key) or self._begin(key, statement, limits or self._limits, dear, took)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._flights.pop(key, None)
                self._end_soon(flight)

    async def close(self) -> None:
        """Refuse questions, end running queries, wait for their threads."""
        self._closed = True
        for flight in list(self._flights.values()):
            self._end_soon(flight)
        if self._ending:
            await asyncio.wait(self._ending)
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _begin(
        self, key: Key, statement: Statement, limits: QueryLimits, dear: bool, took: Callable[[float], None]
    ) -> _Flight:
        if self._closed:
            raise QueryFailed(QueryFailed.Kind.CLOSED, "the process stops")
        if len(self._flights) >= MOST_WAITING:
            raise QueryFailed(QueryFailed.Kind.BUSY, f"{MOST_WAITING} questions wait for the database already")
        if dear and sum(flight.dear for flight in self._flights.values()) >= MOST_DEAR:
            raise QueryFailed(QueryFailed.Kind.BUSY, f"{MOST_DEAR} questions wait for spans already")
        cancel = Cancel()
        asking = self._ask_in_turn if dear else self._ask
        flight = _Flight(cancel, asyncio.create_task(asking(key, statement, limits, cancel)), dear)
        flight.task.add_done_callback(lambda task: self._landed(key, task, took))
        self._flights[key] = flight
        return flight

    async def _ask_in_turn(self, key: Key, statement: Statement, limits: QueryLimits, cancel: Cancel) -> Answer:
        async with self._dear_slots:
            return await self._ask(key, statement, limits, cancel)

    async def _ask(self, key: Key, statement: Statement, limits: QueryLimits, cancel: Cancel) -> Answer:
        async with self._slots:
            loop = asyncio.get_running_loop()
            self.asked += 1
            answer = await loop.run_in_executor(self._threads, self._run, statement, limits, cancel)
        if key[2] is not None:
            self._keep(key, answer)
        return answer

    def _run(self, statement: Statement, limits: QueryLimits, cancel: Cancel) -> Answer:
        begun = time.perf_counter()
        data = query(self._database, statement.sql, parameters=statement.parameters, limits=limits, cancel=cancel)
        rows = tuple(map(orjson.loads, data.splitlines()))
        return Answer(rows, time.perf_counter() - begun, len(data))

    def _landed(self, key: Key, task: "asyncio.Task[Answer]", took: Callable[[float], None]) -> None:
        if (flight := self._flights.get(key)) is not None and flight.task is task:
            del self._flights[key]
        if not task.cancelled() and task.exception() is None:  # which nobody may be left to ask for
            took(task.result().seconds)

    def _keep(self, key: Key, answer: Answer) -> None:
        if answer.size > LARGEST_KEPT or key in self._kept:
            return
        self._kept[key] = answer
        self._kept_bytes += answer.size
        while len(self._kept) > MOST_KEPT or self._kept_bytes > MOST_KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.size

    def _end_soon(self, flight: _Flight) -> None:
        task = asyncio.create_task(self._end(flight))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, flight: _Flight) -> None:
        while not flight.task.done():
            await asyncio.to_thread(flight.cancel.cancel, self._database)
            await asyncio.wait({flight.task}, timeout=AGAIN_S)
        with suppress(Exception):
            flight.task.result()
