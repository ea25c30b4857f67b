"""What an operation is given: the parts of the process, a way to say how far it is, and a way to hold the writer.

Not guaranteed: that an operation stops at once when it is asked to; it looks at `check` between its steps.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from spanpulse_sinks.clickhouse import EmbeddedDatabase
from spanpulse_stream.log import LocalLog
from spanpulse_stream.operations import Progress, Stopped
from spanpulse_stream.pipeline import PriceBooks
from spanpulse_stream.settings import Settings

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one process. ``folder`` is the data folder.

    ``between_batches()`` waits until no batch is half written, then holds the writer while its block runs; it gives
    log source -> the offset behind the last committed batch. Keep the block short: spans wait in the log meanwhile.
    It raises TimeoutError where a batch cannot be finished, QueryFailed, and Stopped.

    ``paused()`` does the same with the stream processors stopped, for what takes seconds or changes what they remember:
    they read that anew when its block ends. Spans are accepted into the log all the while.
    """

    settings: Settings
    folder: Path
    log: LocalLog
    database: EmbeddedDatabase
    books: PriceBooks
    between_batches: Callable[[], AbstractContextManager[Mapping[int, int]]]
    paused: Callable[[], AbstractContextManager[Mapping[int, int]]]
    report: Callable[[Progress], None] = lambda _progress: None
    stopping: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise Stopped where the operation is to end."""
        if self.stopping.is_set():
            raise Stopped

    def say(self, text: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        """Report how far the operation is, and raise Stopped where it is to end."""
        self.check()
        self.report(Progress(text, done, total, unit))
