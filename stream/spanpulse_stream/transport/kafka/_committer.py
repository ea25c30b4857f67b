"""Commits that wait for brokers.

Guarantee: commits of one consumer are made one after the other, each under the assignment it was asked for; what
passes (a broker restarts, the coordinator moves, all of Kafka is away) is tried again, with growing waits and jitter,
for a bounded time, and meanwhile Kafka owes an answer (see `Answers`).
A topic that is gone is never waited for: the commit would be one of the topic that is made in its place.
Not guaranteed: that a commit which gave up was not made; it may have been.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from random import random
from typing import Final

from aiokafka.errors import UnknownTopicOrPartitionError

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._answers import Answers
from spanpulse_stream.transport.kafka._errors import CommitGaveUp, TopicGone, passes
from spanpulse_stream.transport.kafka._thread import Thread

__all__ = ["Committer"]

LOG: Final = logging.getLogger(__name__)
ATTEMPT_S: Final = 10.0
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
PATIENCE_STOPPING_S: Final = 5.0
COMMIT: Final = "commit"


class Committer:
    """Commits through one thread, with so many seconds of ``patience``.

    ``stopping`` tells that the app ends, which makes it less patient; ``answers`` hears what waits.
    """

    def __init__(self, thread: Thread, stopping: Callable[[], bool], patience: float, answers: Answers) -> None:
        self.lock = asyncio.Lock()
        """Held by whoever looks what may be committed, commits it, and takes note of it."""
        self._thread = thread
        self._stopping = stopping
        self._patience = patience
        self._answers = answers

    async def once(self, session: int, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata in one attempt. Raises Stale, TopicGone, KafkaError, TimeoutError."""
        try:
            async with asyncio.timeout(ATTEMPT_S):
                await self._thread.ask(self._thread.commit(session, offsets))
        except UnknownTopicOrPartitionError:
            topics = ", ".join(sorted({tp.topic for tp in offsets}))
            raise TopicGone(f"Kafka knows no such topic or partition any more: {topics}") from None

    async def surely(self, session: int, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata. Raises Stale, TopicGone, CommitGaveUp, or a lasting KafkaError."""
        try:
            await self._patiently(session, offsets)
        finally:
            self._answers.came(COMMIT)

    async def _patiently(self, session: int, offsets: Mapping[TP, tuple[int, str]]) -> None:
        clock = asyncio.get_running_loop().time
        begun, wait = clock(), FIRST_WAIT_S
        while True:
            try:
                return await self.once(session, offsets)
            except Exception as error:
                if not passes(error):
                    raise
                patience = PATIENCE_STOPPING_S if self._stopping() else self._patience
                if clock() - begun > patience:
                    raise CommitGaveUp(f"Kafka took no commit for {clock() - begun:.0f} s: {error!r}") from error
                self._answers.owed(
                    COMMIT, f"Kafka takes no commit since {clock() - begun:.0f} s; tried again: {error!r}"
                )
                LOG.warning("a commit has to wait for Kafka: %r", error)
            await asyncio.sleep(wait * (0.5 + random()))  # noqa: S311
            wait = min(LONGEST_WAIT_S, 2 * wait)
