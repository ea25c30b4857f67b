"""Where chunks go: to the process that runs on the data folder, or into its log where none runs.

Both take a chunk once, whatever was told of it: a chunk whose answer was lost is sent again under its name.
"""

import random
import time
from collections.abc import Callable
from typing import Final, Protocol

from spanpulse_stream.control import ControlClient, NotRunning, RequestRefused, TryLater
from spanpulse_stream.importing._accept import ChunkRefused, Importer
from spanpulse_stream.importing._chunk import Chunk, pack_chunk
from spanpulse_stream.importing._errors import TargetFailed
from spanpulse_stream.log import Imported, LogFull, LogUnusable

__all__ = ["LogTarget", "RunningTarget", "Stopped", "Target", "Waiting"]

PATIENCE_S: Final = 900.0  # without one chunk taken: the process does not get on
JITTER: Final = 0.5
SHORTEST_WAIT_S: Final = 0.05
NO_SUCH_ROUTE: Final = "Not Found"

Waiting = Callable[[str], None]
"""Hears why the import waits, and an empty text when it goes on."""


class Stopped(Exception):  # noqa: N818 -- what happened
    """The person at the terminal ended the import."""


class Target(Protocol):
    """Takes chunks."""

    def reached(self, name: str, tenant: str) -> Imported:
        """Return how far an import has come. Raises TargetFailed."""

    def append(self, chunk: Chunk) -> bool:
        """Append a chunk; return whether it was not there before. Raises TargetFailed, Stopped."""


class LogTarget:
    """A log that this process has open; nothing empties it meanwhile."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer

    def reached(self, name: str, tenant: str) -> Imported:
        """Return how far an import has come. Raises TargetFailed."""
        try:
            return self._importer.reached(name, tenant)
        except (ChunkRefused, LogUnusable) as error:
            raise TargetFailed(str(error)) from None

    def append(self, chunk: Chunk) -> bool:
        """Append a chunk. Raises TargetFailed where the log is full: only a running process empties it."""
        try:
            return self._importer.append(chunk)
        except LogFull as full:
            raise TargetFailed(
                f"{full}; start `spanpulse up` on this data folder, then run the same command again"
            ) from None
        except (ChunkRefused, LogUnusable, TimeoutError) as error:
            raise TargetFailed(str(error) or "the log does not answer; check the disk") from None


class RunningTarget:
    """The process that runs on a data folder.

    It is asked again while it has no room, for up to 15 minutes in which it takes nothing. ``stopping(seconds)`` waits
    and says whether to end that.
    """

    def __init__(
        self, client: ControlClient, stopping: Callable[[float], bool], *, patience_s: float = PATIENCE_S
    ) -> None:
        self._client = client
        self._waiting: Waiting = lambda _why: None
        self._stopping = stopping
        self._patience = patience_s
        self._random = random.Random()  # noqa: S311 -- spreads retries

    def hear(self, waiting: Waiting) -> None:
        """Have ``waiting`` told why the import waits."""
        self._waiting = waiting

    def reached(self, name: str, tenant: str) -> Imported:
        """Return how far an import has come. Raises TargetFailed."""
        try:
            return Imported(**self._client.imported(name, tenant))
        except (NotRunning, RequestRefused) as error:
            raise TargetFailed(_gone(error)) from None

    def append(self, chunk: Chunk) -> bool:
        """Append a chunk, when there is room for it. Raises TargetFailed, Stopped."""
        body = pack_chunk(chunk)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                appended = self._client.import_chunk(body)
            except TryLater as later:
                self._pause(later, deadline)
            except (NotRunning, RequestRefused) as error:
                raise TargetFailed(_gone(error)) from None
            else:
                self._waiting("")
                return appended

    def _pause(self, later: TryLater, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise TargetFailed(f"the running process takes nothing: {later}; see `spanpulse status`, then run it again")
        self._waiting(str(later))
        wait = max(SHORTEST_WAIT_S, later.retry_after_s * self._random.uniform(1 - JITTER, 1 + JITTER))
        if self._stopping(wait):
            raise Stopped


def _gone(error: Exception) -> str:
    if isinstance(error, NotRunning):
        return "the process that runs on the data folder went away; run the same command again"
    if str(error) == NO_SUCH_ROUTE:
        return "the process that runs on the data folder is of an earlier version; start it again"
    return f"{error}; what was imported stays, the same command goes on from there"
