"""Commits that wait for brokers.

Guarantee: commits of one consumer are made one after the other, each under the assignment it was asked for; what
passes (a broker restarts, the coordinator moves) is tried again, with growing waits and jitter, for a bounded time.
Not guaranteed: that a commit which gave up was not made; it may have been.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from random import random
from typing import Final

from spanpulse_stream.partitions import TP
from spanpulse_stream.transport.kafka._errors import CommitGaveUp, passes
from spanpulse_stream.transport.kafka._thread import Thread

__all__ = ["Committer"]

LOG: Final = logging.getLogger(__name__)
ATTEMPT_S: Final = 10.0
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
PATIENCE_S: Final = 120.0
PATIENCE_STOPPING_S: Final = 5.0


class Committer:
    """Commits through one thread. ``stopping`` tells that the app ends, which makes it less patient."""

    def __init__(self, thread: Thread, stopping: Callable[[], bool]) -> None:
        self.lock = asyncio.Lock()
        """Held by whoever looks what may be committed, commits it, and takes note of it."""
        self._thread = thread
        self._stopping = stopping

    async def once(self, session: int, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata in one attempt. Raises Stale, KafkaError, TimeoutError."""
        async with asyncio.timeout(ATTEMPT_S):
            await self._thread.ask(self._thread.commit(session, offsets))

    async def surely(self, session: int, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata. Raises Stale, CommitGaveUp, or the KafkaError that will not pass."""
        clock = asyncio.get_running_loop().time
        begun, wait = clock(), FIRST_WAIT_S
        while True:
            try:
                return await self.once(session, offsets)
            except Exception as error:
                if not passes(error):
                    raise
                patience = PATIENCE_STOPPING_S if self._stopping() else PATIENCE_S
                if clock() - begun > patience:
                    raise CommitGaveUp(f"Kafka took no commit for {clock() - begun:.0f} s: {error!r}") from error
                LOG.warning("a commit has to wait for Kafka: %r", error)
            await asyncio.sleep(wait * (0.5 + random()))  # noqa: S311
            wait = min(LONGEST_WAIT_S, 2 * wait)
