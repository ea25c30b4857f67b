"""What an imitated provider is told to answer: in no provider's words (`Said`, `Failure`), or byte by byte (`Reply`).

Counts are as OpenTelemetry has them: `input` includes what was read from and written to a cache, `output` includes
reasoning. Nothing here knows HTTP.
"""

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "Failure", "Reply", "Said", "events", "failed", "whole"]


@dataclass(frozen=True)
class Failure:
    """An error of a provider."""

    status: int = 500
    code: str = "server_error"
    message: str = "The server had an error"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """An answer. Times are seconds; counts tokens."""

    text: str = "The capital of France is Paris."
    id: str = "answer-1"
    model: str = ""
    """The dated name that is answered with; the request's own if empty."""
    input: int = 101
    output: int = 23
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    finish: str = "stop"
    """stop, length, tool or filter; each provider has its own words."""
    tool: tuple[str, dict[str, Any]] | None = None
    thinking: str = ""
    usage: bool = True
    """Whether a stream tells its usage, if the request asks for it where one has to."""
    first_s: float = 0.0
    """Before the first event; of a whole answer before its body."""
    chunk_s: float = 0.0
    """Between events."""
    fails_after: int | None = None
    """Events of a stream before one that is an error."""
    failure: Failure = Failure()
    cut_after: int | None = None
    """Events of a stream before the connection is cut."""
    stalls_after: int | None = None
    """Events of a stream before it waits for the reader to leave."""
    headers: dict[str, str] = field(default_factory=dict)

    def pieces(self, of: str = "") -> list[str]:
        """Return the text (or ``of``) as a stream sends it: word by word."""
        words = (of or self.text).split(" ")
        return [word + " " for word in words[:-1]] + words[-1:]


@dataclass(frozen=True)
class Reply:
    """An answer as bytes; of a stream each part is a chunk of its own."""

    parts: list[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stream: bool = False
    first_s: float = 0.0
    chunk_s: float = 0.0
    cut_at: int | None = None
    """The connection is cut before this part; 0: before the headers, unless it is a stream."""
    stall_at: int | None = None
    """Before this part the reader is waited for to leave."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    """Without the script's name, with the query."""
    headers: dict[str, str]
    """By small names."""
    body: bytes
    moments: dict[str, int] = field(default_factory=dict)
    """When it was `received`, its `first` and its `last` part were sent, and it was `answered`: ns since the epoch."""

    @property
    def json(self) -> dict[str, Any]:
        """Return the body's object; an empty one where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def whole(said: Said, body: dict[str, Any]) -> Reply:
    """Return an answer that comes in one piece."""
    return Reply(
        [json.dumps(body).encode()], headers={"content-type": "application/json"} | said.headers, first_s=said.first_s
    )


def failed(failure: Failure, body: dict[str, Any]) -> Reply:
    """Return an error."""
    headers = {"content-type": "application/json"} | failure.headers
    return Reply([json.dumps(body).encode()], failure.status, headers)


def events(
    said: Said, each: list[dict[str, Any]], failure: dict[str, Any], *, named: bool, done: bool = False
) -> Reply:
    """Return server-sent events; ``named`` ones have their type beside the data, and the ``done`` mark may end them."""
    if said.fails_after is not None:
        each = [*each[: said.fails_after], failure]
    parts = [_event(event, named=named) for event in each]
    if done and said.fails_after is None:
        parts.append(b"data: [DONE]\n\n")
    return Reply(
        parts,
        headers={"content-type": "text/event-stream"} | said.headers,
        stream=True,
        first_s=said.first_s,
        chunk_s=said.chunk_s,
        cut_at=said.cut_after,
        stall_at=said.stalls_after,
    )


def _event(event: dict[str, Any], *, named: bool) -> bytes:
    name = f"event: {event['type']}\n" if named else ""
    return f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
