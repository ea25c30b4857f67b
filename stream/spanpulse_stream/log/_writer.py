"""The writer: one thread that makes jobs durable, all that wait at once in one transaction.

A job's future is done only after the commit reached the disk. A failure undoes the whole transaction, and
every job of it hears of that; on a full disk the ballast is thrown off, appends are refused and the rest is done.
What can wait (subscribers, checkpoints, trimming) comes after the answers.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from spanpulse_stream.log._disk import Disk
from spanpulse_stream.log._jobs import Append, Job
from spanpulse_stream.log._messages import LogFull
from spanpulse_stream.log._position import Key
from spanpulse_stream.log._queue import JobQueue
from spanpulse_stream.log._records import LogClosed, LogDamaged
from spanpulse_stream.log._schema import unusable
from spanpulse_stream.log._store import Store, Transaction
from spanpulse_stream.log._upkeep import Upkeep

__all__ = ["Grown", "Writer"]

logger = logging.getLogger(__name__)
RETRY_DISK_S: Final = 10.0
REPORT_EVERY_S: Final = 10.0
QUEUE_BYTES: Final = 64 * 1024 * 1024
GROUP_BYTES: Final = 16 * 1024 * 1024

Grown = Callable[[frozenset[Key]], None]
Outcome = tuple[Job, Any, BaseException | None]


class Writer:
    """Runs until `close`, which lets all that waits be written."""

    def __init__(self, path: Path, store: Store, disk: Disk, upkeep: Upkeep) -> None:
        self.queue = JobQueue(most_bytes=QUEUE_BYTES, group_bytes=GROUP_BYTES)
        self.subscribers: tuple[Grown, ...] = ()
        self.transactions = 0
        self._path = path
        self._store = store
        self._disk = disk
        self._upkeep = upkeep
        self._reported = -REPORT_EVERY_S
        # A daemon: a process that ends without `close` ends; nothing that it acknowledged is open then.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits and end the thread."""
        self.queue.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            busy = False
            while (group := self.queue.take(wait=not busy)) is not None:
                if group:
                    self._serve([job for job in group if job.future.set_running_or_notify_cancel()])
                busy = self._upkeep.turn(idle=not group)
        except BaseException:
            logger.critical("the log's writer died; nothing is accepted any more", exc_info=True)
            self._refuse_the_rest()
            raise

    def _serve(self, jobs: Sequence[Job]) -> None:
        grown: set[Key] = set()
        try:
            outcomes = self._write(jobs, grown)
        except Exception as error:  # noqa: BLE001 -- every job hears of it
            self._report(len(jobs), error)
            told = unusable(self._path, error) if isinstance(error, sqlite3.Error) else error
            outcomes = [(job, None, told) for job in jobs]
        for job, result, failure in outcomes:
            _settle(job, result, failure)
        self._tell(frozenset(grown))

    def _write(self, jobs: Sequence[Job], grown: set[Key]) -> list[Outcome]:
        need = sum(job.size for job in jobs if isinstance(job, Append))
        refused: list[Outcome] = []
        # What is appended is written twice: now, and when a checkpoint moves it to its place.
        if need and (reason := self._disk.refusal(2 * need + self._upkeep.unmoved)):
            jobs, refused = _refuse_appends(jobs, reason)
        try:
            return refused + self._transact(jobs, grown)
        except sqlite3.Error as error:
            if not self._disk.explains(error):
                raise
        freed = self._disk.throw_off()
        jobs, more = _refuse_appends(jobs, "the disk is full")
        return refused + more + (self._transact(jobs, grown) if freed else _failed(jobs))

    def _transact(self, jobs: Sequence[Job], grown: set[Key]) -> list[Outcome]:
        if not jobs:
            return []
        transaction = self._store.begin()
        try:
            outcomes = [_outcome(job, transaction) for job in jobs]
            transaction.commit()
        except BaseException:
            self._store.rollback()
            raise
        self.transactions += 1
        self._upkeep.wrote(transaction.written)
        grown |= transaction.grown
        return outcomes

    def _tell(self, grown: frozenset[Key]) -> None:
        for subscriber in self.subscribers if grown else ():
            try:
                subscriber(grown)
            except Exception:
                logger.exception("a subscriber of the log failed")

    def _report(self, jobs: int, error: Exception) -> None:
        """Log a failure, but not each of many."""
        if (now := time.monotonic()) - self._reported >= REPORT_EVERY_S:
            self._reported = now
            logger.error("the log could not write %d jobs", jobs, exc_info=error)

    def _refuse_the_rest(self) -> None:
        self.queue.close()
        while group := self.queue.take(wait=False):
            for job in group:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(LogClosed())


def _outcome(job: Job, transaction: Transaction) -> Outcome:
    try:
        return job, job.do(transaction), None
    except (LogFull, LogDamaged, ValueError) as error:  # raised before the step changed anything
        return job, None, error


def _refuse_appends(jobs: Sequence[Job], reason: str) -> tuple[list[Job], list[Outcome]]:
    kept: list[Job] = [job for job in jobs if not isinstance(job, Append)]
    refused: list[Outcome] = [(job, None, LogFull(RETRY_DISK_S, reason)) for job in jobs if isinstance(job, Append)]
    return kept, refused


def _failed(jobs: Sequence[Job]) -> list[Outcome]:
    return [(job, None, LogFull(RETRY_DISK_S, "the disk is full, and the log has no ballast left")) for job in jobs]


def _settle(job: Job, result: Any, error: BaseException | None) -> None:
    if error is None:
        job.future.set_result(result)
    else:
        job.future.set_exception(error)
