"""The end of the way that has the log: a chunk's requests become messages, as a sender's would, and are appended once.

A chunk that the log has is not appended again. While more than BACKLOG_BYTES wait to be processed it takes none, so
that an import neither fills the log nor puts what senders send behind hours of it.
"""

from typing import Final

from spanpulse_stream.gateway import OtlpOptions, RequestRefused, Sender, is_tenant, messages_of
from spanpulse_stream.importing._chunk import Chunk
from spanpulse_stream.log import ChunkName, Imported, LocalLog, LogFull, Message

__all__ = ["BACKLOG_BYTES", "ChunkRefused", "Importer"]

MIB: Final = 1024 * 1024
BACKLOG_BYTES: Final = 64 * MIB
RETRY_S: Final = 0.2
APPEND_WITHIN_S: Final = 60.0
PEER: Final = "import"


class ChunkRefused(ValueError):  # noqa: N818 -- what is done with it
    """A chunk cannot be appended, however often it is tried; the message says why."""


class Importer:
    """Appends chunks to ``log``, for any thread; ``most_waiting`` bounds what may wait to be processed, in bytes."""

    def __init__(self, log: LocalLog, options: OtlpOptions, *, most_waiting: int | None = None) -> None:
        self._log = log
        self._options = options
        self._most_waiting = most_waiting

    def reached(self, name: str, tenant: str) -> Imported:
        """Return how far an import has come. Raises ChunkRefused for a tenant that there cannot be."""
        self._check(tenant)
        return self._log.imported(name)

    def append(self, chunk: Chunk) -> bool:
        """Append a chunk durably; return whether it was not there before. Raises LogFull, ChunkRefused."""
        self._check(chunk.tenant)
        waiting = self._log.pending_bytes()
        if self._most_waiting is not None and waiting > self._most_waiting:
            raise LogFull(RETRY_S, f"{waiting // MIB} MiB wait to be processed")
        messages = self._messages(chunk)
        name = ChunkName(chunk.name, chunk.number)
        return self._log.append_once(name, messages, rejected=chunk.rejected).result(APPEND_WITHIN_S)

    def _messages(self, chunk: Chunk) -> list[Message]:
        sender, found = Sender(chunk.tenant, PEER), list[Message]()
        try:
            for request in chunk.requests:
                found += messages_of(
                    request.body,
                    request.signal,
                    sender,
                    limits=self._options.limits,
                    decoding=self._options.decoding,
                    partitions=self._options.partitions,
                )
        except RequestRefused as refusal:
            raise ChunkRefused(f"a request of chunk {chunk.number} cannot be read: {refusal}") from None
        return found

    def _check(self, tenant: str) -> None:
        known = sorted({name for name, _ in self._options.keys.entries})
        if not is_tenant(tenant):
            raise ChunkRefused(
                f"{tenant!r} is no name of a tenant: letters, digits and _ . - after the first, 64 at most"
            )
        if known and tenant not in known:
            raise ChunkRefused(f"no API key is for tenant {tenant!r}; name one with --tenant: {', '.join(known)}")
