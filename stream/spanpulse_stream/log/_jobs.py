"""What the writer is asked to do: a step of a transaction, and a future for its result."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from spanpulse_stream.log._codec import BodyPacker, pack_headers
from spanpulse_stream.log._messages import Message
from spanpulse_stream.log._store import Packed, Transaction

__all__ = ["Append", "Job", "Step"]

DEFAULTS = {"tenant": b"default", "signal": b"traces"}  # of a message whose headers do not say


@dataclass(eq=False, slots=True)
class Step:
    """Something small that goes into a transaction: a commit, a claim, a declaration."""

    do: Callable[[Transaction], Any]
    future: "Future[Any]" = field(default_factory=Future)


@dataclass(eq=False, slots=True)
class Append:
    """Messages to append, all or none; ``size`` is the bytes of their values. Its future gives their offsets."""

    messages: Sequence[Message]
    size: int
    future: "Future[list[int]]" = field(default_factory=Future)
    packed: list[Packed] = field(default_factory=list)

    def pack(self, packer: BodyPacker) -> None:
        """Compress the messages; to be done before `do`."""
        self.packed = [_pack(message, packer) for message in self.messages]

    @property
    def stored(self) -> int:
        """Bytes that the packed messages take."""
        return sum(message.stored for message in self.packed)

    def do(self, transaction: Transaction) -> list[int]:
        """Append them. Raises LogFull."""
        return transaction.append(self.packed)


Job = Step | Append


def _pack(message: Message, packer: BodyPacker) -> Packed:
    headers = DEFAULTS | dict(message.headers)
    return Packed(
        key=(message.topic, message.partition),
        message_key=message.key,
        headers=pack_headers(message.headers),
        body=packer.pack(message.value),
        size=len(message.value),
        records=message.records,
        tenant=headers["tenant"].decode(errors="replace"),
        signal=headers["signal"].decode(errors="replace"),
    )
