"""Apps as this project runs them: inside a loop that is there already, with nothing of Faust's that is not used.

Guarantee: an agent that raises, or that calls `app.crash`, ends its app, and `failed` tells why; nothing restarts
it, so what it had not acknowledged comes again after the next start. Not guaranteed: that `app.stop` waits for
agents that acknowledge nothing for longer than ten seconds.
"""

from typing import Any, Final

import faust
from faust.tables import TableManager
from mode.supervisors import CrashingSupervisor

__all__ = ["failed", "make_app"]

COMMIT_EVERY_S: Final = 0.5
BUFFERED_MESSAGES: Final = 16  # per agent; a message may be a megabyte


class _App(faust.App):
    def _create_directories(self) -> None:
        """Leave the disk alone: there are no tables."""


class _NoTables(TableManager):
    async def on_start(self) -> None:
        """Start at once: Faust waits a second for tables to be declared."""
        await self._update_channels()
        await self.recovery.start()


def make_app(url: str, *, name: str = "spanpulse", buffered: int = BUFFERED_MESSAGES) -> Any:
    """Return a Faust app on the broker ``url``; keys and values are bytes.

    Declare its agents, then `await app.start()` in the loop that is to run it; `await app.stop()` ends it. At most
    about ``buffered`` messages wait for an agent beside those that it has taken.
    """
    return _App(
        name,
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
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=COMMIT_EVERY_S,
        stream_buffer_maxsize=buffered,
        stream_wait_empty=True,
    )


async def failed(app: Any) -> BaseException | None:
    """Wait until an app has crashed or is stopped, and return what made it crash, if it did."""
    await app.wait_until_stopped()
    reason: BaseException | None = app.crash_reason
    return reason
