"""Where the document of weights is read: a file, or an address of HTTP.

Reading blocks, so it belongs in a thread of our own. Guarantee: at most `MOST_BYTES` are taken, an address is given up
after `TIMEOUT_S` without a byte and `DEADLINE_S` altogether, at most `MOST_REDIRECTS` redirects are followed, none of
them away from HTTP or from HTTPS to HTTP; what is said of an address tells neither its user nor its query.
"""

import time
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from spanpulse._experiments._document import MOST_BYTES
from spanpulse._version import VERSION

__all__ = ["Source", "Unreadable", "source_of"]

TIMEOUT_S: Final = 10.0
DEADLINE_S: Final = 30.0
MOST_REDIRECTS: Final = 3
AT_ONCE: Final = 1 << 16  # bytes
NOT_MODIFIED: Final = 304
LONGEST_TAG: Final = 1_000  # characters of an ETag that is sent back


class Unreadable(Exception):  # noqa: N818 -- named by what it is
    """There is no document to be had; why, in a few words of a small set."""


class Source(Protocol):
    """Where a document is."""

    name: str
    """For people."""

    def read(self) -> bytes | None:
        """Return the document; None where it is the one that was kept. Raises Unreadable."""

    def keep(self) -> None:
        """Hear that what was read last is in use."""


def source_of(address: str) -> Source:
    """Return the source of an address, or of a path."""
    return _Web(address) if address.lower().startswith(("http://", "https://")) else _File(address)


class _File:
    """A file; it is best replaced by a rename, so that none is read in half."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._path = Path(path)

    def read(self) -> bytes | None:
        try:
            if not self._path.is_file():  # what is read from a pipe would never end
                raise Unreadable("there is no such file")
            with self._path.open("rb") as file:
                return _bounded(file.read(MOST_BYTES + 1))
        except OSError as error:
            raise Unreadable(error.strerror or type(error).__name__) from error

    def keep(self) -> None:
        """Nothing: what is read again is compared."""


class _Web:
    """An address, which is asked for what has changed."""

    def __init__(self, address: str) -> None:
        self.name = _without_secrets(address)
        self._address = address
        self._opener = _opener()
        self._tag = self._kept_tag = ""

    def read(self) -> bytes | None:
        headers = {"User-Agent": f"spanpulse/{VERSION}", "Accept": "application/json"}
        if self._kept_tag:
            headers["If-None-Match"] = self._kept_tag
        deadline = time.monotonic() + DEADLINE_S
        try:
            request = Request(self._address, headers=headers)  # noqa: S310 -- of HTTP, as `source_of` sees to
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                self._tag = _tag_of(answer.headers)
                return _all_of(answer, deadline)
        except HTTPError as error:
            error.close()
            if error.code == NOT_MODIFIED:
                return None
            raise Unreadable(f"HTTP status {error.code}") from None
        except (URLError, HTTPException, OSError, ValueError) as error:  # their words may hold the whole address
            raise Unreadable(type(getattr(error, "reason", error)).__name__) from None

    def keep(self) -> None:
        self._kept_tag = self._tag


class _Redirects(HTTPRedirectHandler):
    """Follows few redirects, none of them from HTTPS to HTTP; others than to the web have no handler."""

    max_redirections = MOST_REDIRECTS
    max_repeats = MOST_REDIRECTS

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if req.type == "https" and not newurl.lower().startswith("https:"):
            return None  # the answer that redirects is what is told then
        fp.close()  # urllib would read all of it
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """Return what opens addresses of HTTP and nothing else: no files, as urllib's own would."""
    opener = OpenerDirector()
    for handler in (
        *(ProxyHandler(), HTTPHandler(), HTTPSHandler()),
        *(HTTPDefaultErrorHandler(), _Redirects(), HTTPErrorProcessor()),
    ):
        opener.add_handler(handler)
    return opener


def _all_of(answer: Any, deadline: float) -> bytes:
    """Return a body piece by piece, for a server may send a byte now and then for ever."""
    body = bytearray()
    while len(body) <= MOST_BYTES and (piece := answer.read1(AT_ONCE)):
        body += piece
        if time.monotonic() > deadline:
            raise Unreadable("it takes too long")
    if answer.length:  # what was promised and did not come
        raise Unreadable("it ends too early")
    return _bounded(bytes(body))


def _bounded(document: bytes) -> bytes:
    if len(document) > MOST_BYTES:
        raise Unreadable(f"it has more than {MOST_BYTES} bytes")
    return document


def _tag_of(headers: Any) -> str:
    tag = str(headers.get("ETag") or "")
    return tag if tag.isascii() and tag.isprintable() and len(tag) <= LONGEST_TAG else ""


def _without_secrets(address: str) -> str:
    try:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "the address"
