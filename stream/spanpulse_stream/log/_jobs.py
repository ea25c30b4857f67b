"""What the writer is asked to do: a step of a transaction, and a future for its result."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from spanpulse_stream.log._headers import pack_headers
from spanpulse_stream.log._imported import ChunkName
from spanpulse_stream.log._messages import Message
from spanpulse_stream.log._store import Stored, Transaction

__all__ = ["Append", "AppendOnce", "Job", "Step"]

DEFAULTS = {"tenant": b"default", "signal": b"traces"}  # of a message whose headers do not say


@dataclass(eq=False, slots=True)
class Step:
    """Something small that goes into a transaction: a commit, a claim, a declaration."""

    do: Callable[[Transaction], Any]
    future: "Future[Any]" = field(default_factory=Future)


class Append:
    """Messages to append, all or none; ``size`` is the bytes that they take. Its future gives their offsets."""

    __slots__ = ("future", "messages", "size")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = [_stored(message) for message in messages]
        self.size = sum(message.size for message in self.messages)
        self.future: Future[Any] = Future()

    def do(self, transaction: Transaction) -> Any:
        """Append them. Raises LogFull."""
        return transaction.append(self.messages, self.size)


class AppendOnce(Append):
    """Messages of a chunk of an import, which are appended unless they were before. Its future says whether."""

    __slots__ = ("_name", "_rejected")

    def __init__(self, name: ChunkName, messages: Sequence[Message], rejected: int) -> None:
        super().__init__(messages)
        self._name = name
        self._rejected = rejected

    def do(self, transaction: Transaction) -> bool:
        """Append them, or find that they are there. Raises LogFull."""
        return transaction.append_once(self._name, self.messages, self.size, self._rejected)


Job = Step | Append


def _stored(message: Message) -> Stored:
    headers = DEFAULTS | dict(message.headers)
    return Stored(
        key=(message.topic, message.partition),
        message_key=message.key,
        headers=pack_headers(message.headers),
        body=message.value,
        records=message.records,
        tenant=headers["tenant"].decode(errors="replace"),
        signal=headers["signal"].decode(errors="replace"),
    )
