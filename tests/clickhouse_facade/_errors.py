"""Errors as a ClickHouse server words them, and the HTTP status of each code.

The statuses are those of src/Server/HTTP/exceptionCodeToHTTPStatus.cpp. Not guaranteed: messages to the letter; the
engine's own are passed on, without what the detour of an insert through a file adds to them.
"""

import re
from collections.abc import Mapping

__all__ = ["ServerError", "error_of_engine", "status_of"]

KEEPER_EXCEPTION = 999
PREFIX = re.compile(r"Code: (\d+)\. [\w:]*Exception: ")
VERSION = re.compile(r"\.?\s*\(version [^()]*(?:\([^()]*\))?\)\.?$")
DETOUR = re.compile(
    r": While reading from: \S+?(?=: )"
    r"|: \(in file/uri [^)]*\)"
    r"|: While executing File(?:: data for INSERT was parsed from file)?"
)
# What a query or its data is to blame for, by their numbers: CANNOT_PARSE_*, SYNTAX_ERROR, TYPE_MISMATCH and so on.
BAD_REQUEST = (
    *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441),
    *(675, 676),
)
UNKNOWN = (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511)
STATUSES = {
    **dict.fromkeys(BAD_REQUEST, 400),
    **dict.fromkeys(UNKNOWN, 404),
    **dict.fromkeys((192, 193, 497, 512, 516), 403),
    194: 401,  # REQUIRED_PASSWORD
    381: 411,  # HTTP_LENGTH_REQUIRED
    159: 408,  # TIMEOUT_EXCEEDED
    229: 413,  # QUERY_IS_TOO_LARGE
    779: 415,  # UNSUPPORTED_MEDIA_TYPE
    48: 501,  # NOT_IMPLEMENTED
    **dict.fromkeys((76, 209, 439), 503),  # CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
}


class ServerError(Exception):
    """What a request is answered with: a code of ClickHouse and a message without code, name and version."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def text(self, names: Mapping[int, str], version: str) -> str:
        """Return the body of the answer, without its last line break."""
        kind = "Coordination::Exception" if self.code == KEEPER_EXCEPTION else "DB::Exception"
        dot = "" if self.message.endswith(".") else "."
        name = names.get(self.code, "UNKNOWN_EXCEPTION")
        return f"Code: {self.code}. {kind}: {self.message}{dot} ({name}) (version {version} (official build))"


def status_of(code: int) -> int:
    """Return the HTTP status of an error's answer."""
    return STATUSES.get(code, 500)


def error_of_engine(raised: BaseException, names: Mapping[int, str]) -> ServerError:
    """Return what the engine raised as an error of a server: it repeats code, name and version around a message."""
    text = str(raised)
    first = PREFIX.search(text)
    if first is None:
        return ServerError(1001, text or type(raised).__name__)  # STD_EXCEPTION
    code = int(first[1])
    text = text[first.start() :]
    while match := PREFIX.match(text):
        code, text = int(match[1]), text[match.end() :]
    name = f" ({names.get(code, '')})"
    while True:
        bare = VERSION.sub("", text.rstrip()).removesuffix(name)
        if bare == text:
            break
        text = bare
    return ServerError(code, DETOUR.sub("", text))
