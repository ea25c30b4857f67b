"""Apps as this project runs them: inside a loop that is there already, with nothing of Faust's that is not used.

Guarantee: an agent that raises, or that calls `app.crash`, ends its app, and `failed` tells why; nothing restarts
it, so what it had not acknowledged comes again after the next start. `app.stop` gives agents a while to
acknowledge what they have taken, then cancels them. Not guaranteed: that it waits no longer; it does while an agent
does not end.
"""

import logging
from typing import Any, Final

import faust
from faust.tables import TableManager
from mode.supervisors import CrashingSupervisor

from spanpulse_stream.transport._queue import ByteBoundedQueue

__all__ = ["failed", "make_app"]

COMMIT_EVERY_S: Final = 0.5
BUFFERED_MESSAGES: Final = 16  # per agent
BUFFERED_BYTES: Final = 16 * 1024 * 1024  # of values, per agent
DRAIN_S: Final = 3.0


class _App(faust.App):
    logger = logging.getLogger("faust.app")

    def __init__(self, *args: Any, buffered_bytes: int, drain: float, **options: Any) -> None:
        self.drain = drain
        self._buffered_bytes = buffered_bytes
        super().__init__(*args, **options)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> ByteBoundedQueue:  # noqa: N802 -- Faust's
        """Return the queue of an agent."""
        return ByteBoundedQueue(
            maxsize=maxsize,
            max_bytes=self._buffered_bytes,
            flow_control=self.flow_control,
            clear_on_resume=clear_on_resume,
        )

    def _create_directories(self) -> None:
        """Leave the disk alone: there are no tables."""


class _NoTables(TableManager):
    logger = logging.getLogger("faust.tables")

    async def on_start(self) -> None:
        """Start at once: Faust waits a second for tables to be declared."""
        await self._update_channels()
        await self.recovery.start()


def make_app(
    url: str,
    *,
    name: str = "spanpulse",
    buffered_messages: int = BUFFERED_MESSAGES,
    buffered_bytes: int = BUFFERED_BYTES,
    drain: float = DRAIN_S,
) -> Any:
    """Return a Faust app on the broker ``url``; keys and values are bytes.

    Declare its agents, then `await app.start()` in the loop that is to run it; `await app.stop()` ends it. At most
    ``buffered_messages``, or ``buffered_bytes`` of values and one message more, wait for an agent beside those that
    it has taken; the log is not read for it meanwhile. A stop or a rebalance waits ``drain`` seconds for agents to
    acknowledge those; the others come again.
    """
    return _App(
        name,
        buffered_bytes=buffered_bytes,
        drain=drain,
        broker=url,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        autodiscover=False,
        agent_supervisor=CrashingSupervisor,
        TableManager=_NoTables,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=COMMIT_EVERY_S,
        stream_buffer_maxsize=buffered_messages,
        stream_wait_empty=True,
    )


async def failed(app: Any) -> BaseException | None:
    """Wait until an app has crashed or is stopped, and return what made it crash, if it did."""
    await app.wait_until_stopped()
    reason: BaseException | None = app.crash_reason
    return reason
