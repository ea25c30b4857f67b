"""The way to Kafka: one message a batch, on an event loop in a thread of its own.

A message is an ExportTraceServiceRequest or ExportLogsServiceRequest; its header `signal` is `traces` or `logs`, its
header `records` how many spans or records it has, its key that of the batch. Guarantee: `send` returns when all
replicas that Kafka asks for have the message (acks=all); a batch that was `Unavailable` and is sent again is the same
message of the same idempotent producer, so that Kafka has it once, for as long as that producer lives (five minutes
with one batch); what aiokafka logs in this thread is not in the application's log. Not guaranteed: once in Kafka across
a producer that was given up; whoever reads knows spans by their ids.
"""

import asyncio
import contextlib
import os
import threading
import weakref
from typing import Any, Final

from spanpulse._export._kafka_loop import Loop
from spanpulse._export._kafka_quiet import hush_this_thread
from spanpulse._export._kafka_sending import Sending
from spanpulse._export._transport import Batch, Unavailable
from spanpulse._settings import Settings

__all__ = ["KafkaTransport", "MissingExtra", "require_aiokafka"]

MISSING: Final = 'sending to Kafka needs aiokafka: pip install "spanpulse[kafka]"'
GRACE_S: Final = 2.0  # for a loop that is busy
CLOSE_WITHIN_S: Final = 5.0

_transports: "weakref.WeakSet[KafkaTransport]" = weakref.WeakSet()
_inherited: Final[list[Any]] = []  # of the parent: its sockets are not a child's to close


class MissingExtra(ImportError):  # noqa: N818 -- named by what is so
    """The extra `kafka` is not installed; the message says how to get it."""


def require_aiokafka() -> None:
    """Raise MissingExtra where aiokafka cannot be imported."""
    try:
        import aiokafka  # noqa: F401, PLC0415 -- an extra, and slow to import
    except ImportError as error:
        raise MissingExtra(MISSING) from error


class KafkaTransport:
    """Sends batches to `settings.kafka_topic`. Raises MissingExtra without aiokafka."""

    def __init__(self, settings: Settings) -> None:
        require_aiokafka()
        self._settings = settings
        self._begin()
        _transports.add(self)

    def _begin(self) -> None:
        self._sending = Sending(self._settings)
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None
        self._over: asyncio.Event | None = None

    def send(self, batch: Batch) -> None:
        """Return when Kafka has the batch. Raises Refused, Unavailable."""
        try:
            loop = self._started()
        except RuntimeError as error:  # the interpreter ends and starts no threads any more
            raise Unavailable(str(error)) from None
        sent = asyncio.run_coroutine_threadsafe(self._sending.send(batch), loop)
        try:
            sent.result(self._settings.timeout + GRACE_S)
        except TimeoutError:
            sent.cancel()
            raise Unavailable("kafka: no answer in time") from None

    def close(self) -> None:
        """Disconnect and end the thread; a message that Kafka has not acknowledged is given up."""
        loop, thread, over = self._loop, self._thread, self._over
        if loop is None or thread is None or over is None:
            return
        with contextlib.suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(over.set)
        thread.join(CLOSE_WITHIN_S)
        self._begin()

    def leave_to_parent(self) -> None:
        """Begin anew in a child of a fork, and keep what is the parent's from being closed as garbage."""
        if self._loop is not None:
            self._sending.leave_to_parent()
            _inherited.append((self._loop, self._sending))
        self._begin()

    def _started(self) -> Loop:
        if self._loop is None:
            up = threading.Event()
            loop, over = Loop(), asyncio.Event()
            thread = threading.Thread(
                target=_run, args=(loop, self._sending, over, up), name="spanpulse-kafka", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                loop.close()
                raise
            up.wait()
            self._loop, self._thread, self._over = loop, thread, over
        return self._loop


def _run(loop: Loop, sending: Sending, over: asyncio.Event, up: threading.Event) -> None:
    """Be the thread: until ``over``, then close."""

    async def main() -> None:
        up.set()
        await over.wait()
        await sending.close()

    hush_this_thread()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def _after_fork() -> None:
    for each in list(_transports):
        each.leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)
