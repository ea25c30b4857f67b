"""Jobs that wait for the writer, bounded in bytes, taken in groups that share one transaction."""

import threading
from collections import deque
from typing import Final

from spanpulse_stream.log._jobs import Append, Job
from spanpulse_stream.log._messages import LogFull
from spanpulse_stream.log._records import LogClosed

__all__ = ["JobQueue"]

RETRY_S: Final = 1.0
MIB: Final = 1024 * 1024


class JobQueue:
    """First in, first out. At most ``most_bytes`` wait; a group holds ``group_bytes``, or one job that is larger.

    Commits and claims always find room: whoever reads waits for one before the next, so there are few.
    """

    def __init__(self, *, most_bytes: int, group_bytes: int) -> None:
        self._most = most_bytes
        self._group = group_bytes
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._bytes = 0
        self._closed = False

    @property
    def bytes(self) -> int:
        """Bytes of the messages that wait."""
        return self._bytes

    def put(self, job: Job) -> None:
        """Add a job. Raises LogFull, LogClosed."""
        size = _size(job)
        with self._changed:
            if self._closed:
                raise LogClosed
            if size and self._bytes and self._bytes + size > self._most:
                raise LogFull(RETRY_S, f"{self._bytes // MIB} MiB wait to be written to the log already")
            self._bytes += size
            self._jobs.append(job)
            self._changed.notify()

    def take(self, *, wait: bool) -> list[Job] | None:
        """Return the next group, [] if there is none and nobody is to wait, None once closed and empty."""
        with self._changed:
            while wait and not self._jobs and not self._closed:
                self._changed.wait()
            if not self._jobs:
                return None if self._closed else []
            group = [self._jobs.popleft()]
            size = _size(group[0])
            while self._jobs and size + _size(self._jobs[0]) <= self._group:
                size += _size(self._jobs[0])
                group.append(self._jobs.popleft())
            self._bytes -= size
            return group

    def close(self) -> None:
        """Take no more jobs; those that wait are still given out."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def _size(job: Job) -> int:
    return job.size if isinstance(job, Append) else 0
