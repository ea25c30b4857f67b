"""Packing small exports of one process into one message: for one partition, without a clock or a network of its own.

A worker's cost is per message, so messages of one key and one set of headers that come within the linger become one:
Export*ServiceRequests are joined by joining their bytes, as all their fields are repeated. What is large already goes
at once. While packs wait for Kafka they take more in. Messages of one key and signal leave in the order in which they
came, and a pack is never larger than the bound unless a single message is.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from spanpulse_stream.log import Message

__all__ = ["ENOUGH_BYTES", "MOST_BYTES", "Headers", "Pack", "Packer", "Part", "part_bytes"]

ENOUGH_BYTES: Final = 64 * 1024
MOST_BYTES: Final = 900_000
OVERHEAD: Final = 1024  # bytes of memory for a part beside its key and value: objects, headers, its place in queues
RECORDS: Final = "records"

Headers = tuple[tuple[str, bytes], ...]
Kind = tuple[bytes, Headers]


def part_bytes(message: Message) -> int:
    """Return the bytes of memory that a message takes while it waits."""
    return len(message.value) + len(message.key) + OVERHEAD


class Part:
    """One message of one request. ``settled(part, error)`` hears once what became of it; None: Kafka has it."""

    __slots__ = ("dropped", "message", "pack", "settled", "size")

    def __init__(self, message: Message, settled: "Callable[[Part, Exception | None], None]") -> None:
        self.message = message
        self.settled = settled
        self.size = part_bytes(message)
        self.pack: Pack | None = None  # where it waits; None before, and once it was taken
        self.dropped = False  # nobody waits for it any more


@dataclass(eq=False, slots=True)
class Pack:
    """Parts that become one message. ``size`` is the bytes of their values."""

    key: bytes
    common: Headers  # what all parts have, all but the number of records
    ready_at: float
    parts: dict[Part, None] = field(default_factory=dict)  # a set that keeps its order
    size: int = 0
    attempts: int = 0

    @property
    def value(self) -> bytes:
        """The message's value."""
        if len(self.parts) == 1:
            return next(iter(self.parts)).message.value
        return b"".join(part.message.value for part in self.parts)

    @property
    def headers(self) -> Headers:
        """The message's headers."""
        return *self.common, (RECORDS, str(self.records).encode())

    @property
    def records(self) -> int:
        """Spans or log records in it."""
        return sum(part.message.records for part in self.parts)

    def add(self, part: Part) -> None:
        """Put a part behind the others."""
        self.parts[part] = None
        self.size += len(part.message.value)
        part.pack = self

    def remove(self, part: Part) -> None:
        """Take a part out."""
        del self.parts[part]
        self.size -= len(part.message.value)
        part.pack = None


class Packer:
    """What waits for one partition. Times are seconds of any clock that never runs backwards."""

    def __init__(self, linger: float) -> None:
        self._linger = linger
        self._open: dict[Kind, Pack] = {}  # the newest pack of a kind, until it is taken
        self._lingering: dict[Kind, Pack] = {}  # in the order of their times
        self._ready: deque[Pack] = deque()  # some may have lost all their parts

    def add(self, part: Part, now: float) -> None:
        """Add a part to the pack of its kind, or to a new one."""
        common = tuple(header for header in part.message.headers if header[0] != RECORDS)
        kind = (part.message.key, common)
        size = len(part.message.value)
        pack = self._open.get(kind)
        if pack is None or (pack.parts and pack.size + size > MOST_BYTES):
            self._hold_no_longer(kind)
            pack = Pack(part.message.key, common, now + self._linger)
            self._open[kind] = self._lingering[kind] = pack
        pack.add(part)
        if pack.size >= ENOUGH_BYTES:
            self._hold_no_longer(kind)

    def drop(self, part: Part) -> bool:
        """Take out a part that nobody waits for; return False where it was taken already."""
        part.dropped = True
        if part.pack is None:
            return False
        part.pack.remove(part)
        return True

    def wait(self, now: float) -> float | None:
        """Return seconds until something may be taken: 0 for now, None while nothing waits."""
        self._settle(now)
        if self._ready:
            return 0.0
        return next((pack.ready_at - now for pack in self._lingering.values()), None)

    def take(self, now: float, most_bytes: int) -> list[Pack]:
        """Take the packs whose time has come, of at most ``most_bytes`` together, or one that is larger."""
        self._settle(now)
        taken: list[Pack] = []
        size = 0
        while self._ready and (not taken or size + self._ready[0].size <= most_bytes):
            pack = self._ready.popleft()
            size += pack.size
            taken.append(pack)
            self._close(pack)
            self._settle(now)
        for pack in taken:
            for part in pack.parts:
                part.pack = None
        return taken

    def put_back(self, packs: Iterable[Pack]) -> None:
        """Put what was taken back before all else. Its packs take nothing in; dropped parts are the caller's."""
        back = list(packs)
        for pack in back:
            for part in pack.parts:
                part.pack = pack
        self._ready.extendleft(reversed(back))

    def hurry(self) -> None:
        """Hold back nothing of what waits now."""
        for kind in list(self._lingering):
            self._hold_no_longer(kind)

    def _hold_no_longer(self, kind: Kind) -> None:
        if pack := self._lingering.pop(kind, None):
            self._ready.append(pack)

    def _settle(self, now: float) -> None:
        """Move packs whose time has come, and forget those that lost all their parts."""
        while self._lingering:
            kind, pack = next(iter(self._lingering.items()))
            if pack.ready_at > now:
                break
            self._hold_no_longer(kind)
        while self._ready and not self._ready[0].parts:
            self._close(self._ready.popleft())

    def _close(self, pack: Pack) -> None:
        kind = (pack.key, pack.common)
        if self._open.get(kind) is pack:
            del self._open[kind]
