"""A chunk: what of a file is appended in one step, as requests of OTLP protobuf, and how it travels.

On the way to the process that owns the log a chunk is one line of JSON, which names it and says how long its requests
are, and then those.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from spanpulse_stream.importing._errors import BadPiece
from spanpulse_stream.log import Signal

__all__ = ["Chunk", "ChunkDamaged", "Request", "pack_chunk", "unpack_chunk"]

LONGEST_HEAD = 1024 * 1024


class ChunkDamaged(ValueError):  # noqa: N818 -- what it is
    """Bytes are no packed chunk."""


@dataclass(frozen=True, slots=True)
class Request:
    """An Export*ServiceRequest in protobuf."""

    signal: Signal
    body: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Part ``number`` of the import ``name``: its requests hold ``records``, of which ``rejected`` cannot be read.

    ``bad`` are pieces of the file that are no requests at all: they are among the rejected records, as JSON that says
    where and why. ``refused`` are the first of the others among them, which stand within requests. ``metrics`` pieces
    held metrics, which are not kept.
    """

    name: str
    number: int
    tenant: str
    requests: list[Request] = field(default_factory=list)
    records: int = 0
    rejected: int = 0
    bad: list[BadPiece] = field(default_factory=list)
    refused: list[BadPiece] = field(default_factory=list)
    metrics: int = 0


def pack_chunk(chunk: Chunk) -> bytes:
    """Return a chunk's name and requests as bytes; what was only for a person is left out."""
    head = {
        "name": chunk.name,
        "number": chunk.number,
        "tenant": chunk.tenant,
        "rejected": chunk.rejected,
        "requests": [[request.signal, len(request.body)] for request in chunk.requests],
    }
    return b"".join([json.dumps(head).encode(), b"\n", *(request.body for request in chunk.requests)])


def unpack_chunk(data: bytes) -> Chunk:
    """Return the chunk that was packed. Raises ChunkDamaged."""
    end = data.find(b"\n", 0, LONGEST_HEAD)
    try:
        head = json.loads(data[: max(end, 0)])
        name, number, tenant = str(head["name"]), int(head["number"]), str(head["tenant"])
        requests = list(_requests(data, end + 1, head["requests"]))
        return Chunk(name, number, tenant, requests, rejected=int(head["rejected"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ChunkDamaged(f"the chunk cannot be read: {error}") from None


def _requests(data: bytes, start: int, sizes: list[list[str | int]]) -> Iterator[Request]:
    for signal, size in sizes:
        end = start + int(size)
        if signal not in ("traces", "logs") or not start <= end <= len(data):
            raise ValueError("a request is cut")
        yield Request("traces" if signal == "traces" else "logs", data[start:end])
        start = end
    if start != len(data):
        raise ValueError("it has bytes behind its requests")
