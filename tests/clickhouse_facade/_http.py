"""HTTP/1.1 on a socket: requests are read whole, answers are sent in chunks, connections are kept alive.

Not guaranteed: anything that clients of ClickHouse do not send (pipelining, trailers, upgrades).
"""

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedReader
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Answer", "Malformed", "Request", "drop", "read_request", "send_answer"]

LONGEST_LINE = 8 << 20
CHUNK = 1 << 20
KEEP_ALIVE_S = 30


class Malformed(Exception):  # noqa: N818
    """What came is no request, or the connection ended in the middle of one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; names of headers are in lower case, and bytes that are not UTF-8 are surrogates."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool
    chunked_answer: bool


@dataclass(slots=True)
class Answer:
    """An answer; ``sent`` bytes of the body are sent where it is not None, and then the connection is closed."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None


def read_request(connection: socket.socket, source: BufferedReader) -> Request | None:
    """Read the next request, or None where the client has closed. Raises Malformed, OSError."""
    line = _line(source)
    try:
        return _request(connection, source, line) if line is not None else None
    except ValueError as error:
        raise Malformed(str(error)) from error


def _request(connection: socket.socket, source: BufferedReader, line: str) -> Request:
    words = line.split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed(line[:100])
    method, target, version = words
    headers = dict(_headers(source))
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    address = urlsplit(target)
    fields = parse_qsl(address.query, keep_blank_values=True, errors="surrogateescape")
    asked = headers.get("connection", "").lower()
    newer = version == "HTTP/1.1"
    return Request(
        method=method,
        path=address.path,
        parameters=tuple(fields),
        headers=headers,
        body=_body(source, headers),
        keep_alive=asked != "close" and (newer or asked == "keep-alive"),
        chunked_answer=newer,
    )


def send_answer(connection: socket.socket, request: Request, answer: Answer, *, keep_alive: bool) -> None:
    """Send an answer. Raises OSError."""
    chunked = request.chunked_answer and request.method != "HEAD"
    headers = {"Connection": "Keep-Alive" if keep_alive else "Close", **answer.headers}
    if keep_alive:
        headers["Keep-Alive"] = f"timeout={KEEP_ALIVE_S}, max=9999"
    headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(answer.body))}
    lines = [
        f"HTTP/1.1 {answer.status} {_reason(answer.status)}",
        *(f"{key}: {value}" for key, value in headers.items()),
    ]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")
    if request.method == "HEAD":
        connection.sendall(head)
        return
    body = memoryview(answer.body)
    if answer.sent is not None:  # the chunk may be whole, but the last one never comes
        begun = b"%x\r\n" % len(body) if chunked else b""
        ended = b"\r\n" if chunked and answer.sent == len(body) else b""
        connection.sendall(head + begun + body[: answer.sent] + ended)
    elif not chunked:
        connection.sendall(head + body)
    elif len(body) <= CHUNK:
        connection.sendall(head + (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n")
    else:
        connection.sendall(head)
        for start in range(0, len(body), CHUNK):
            piece = body[start : start + CHUNK]
            connection.sendall(b"%x\r\n" % len(piece))
            connection.sendall(piece)
            connection.sendall(b"\r\n")
        connection.sendall(b"0\r\n\r\n")


def drop(connection: socket.socket, *, reset: bool) -> None:
    """Close a connection, either in order or with a reset, which also throws away what the client has not read."""
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def _line(source: BufferedReader) -> str | None:
    line = source.readline(LONGEST_LINE)
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise Malformed("a line without an end")
    return line.decode("latin-1").rstrip("\r\n")


def _headers(source: BufferedReader) -> Iterator[tuple[str, str]]:
    while line := _line(source):
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()
    if line is None:
        raise Malformed("headers without an end")


def _body(source: BufferedReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        parts = list(_chunks(source))
        return parts[0] if len(parts) == 1 else b"".join(parts)
    return _exactly(source, int(headers.get("content-length") or 0))


def _chunks(source: BufferedReader) -> Iterator[bytes]:
    while True:
        size = int((_line(source) or "").partition(";")[0] or "-1", 16)
        if size < 0:
            raise Malformed("a chunk without its size")
        if size == 0:
            while _line(source):
                pass
            return
        yield _exactly(source, size)
        _line(source)


def _exactly(source: BufferedReader, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise Malformed("the body is shorter than announced")
    return data
