"""What a request asks the database, read from its URL, headers and body as a server reads them.

User and password come as X-ClickHouse-User and -Key, as Basic credentials or in the URL. What a parameter is not
known for is a setting, and the engine says so when it is none.
"""

import base64
import binascii
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from clickhouse_facade._bodies import decoded
from clickhouse_facade._connection import TAG
from clickhouse_facade._errors import ServerError
from clickhouse_facade._forms import form_fields, is_form
from clickhouse_facade._http import Request
from clickhouse_facade._sessions import Wanted
from clickhouse_facade._statements import Statement, read_statement

__all__ = ["Query", "check_user", "read_query"]

NO_SETTINGS = frozenset(
    (
        *("query", "database", "default_format", "query_id", "user", "password", "quota_key", "role", "stacktrace"),
        *("session_id", "session_timeout", "session_check", "close_session", "buffer_size", "wait_end_of_query"),
        *("client_protocol_version", "compress", "decompress"),
    )
)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with all that belongs to it."""

    statement: Statement
    query_id: str
    wanted: Wanted
    parameters: Mapping[str, str]
    default_format: str

    @property
    def setting(self) -> Mapping[str, str]:
        """The settings of the request."""
        return self.wanted.settings


def check_user(request: Request, user: str, password: str) -> None:
    """Raise ServerError unless the request comes from that user."""
    given = _credentials(request)
    name, key = (text.encode("utf-8", "surrogateescape") for text in given)
    if not (hmac.compare_digest(name, user.encode()) & hmac.compare_digest(key, password.encode())):
        raise ServerError(
            516,
            f"{given[0]}: Authentication failed: password is incorrect, or there is no user with such name.",
        )


def read_query(request: Request) -> Query:
    """Return what a request asks. Raises ServerError."""
    fields = dict(request.parameters)
    body = decoded(request.body, request.headers.get("content-encoding", ""))
    if is_form(content_type := request.headers.get("content-type", "")):
        of_form = dict(form_fields(content_type, body))
        fields["query"] = fields.get("query", "") + of_form.pop("query", "")
        fields |= of_form
        body = b""
    for name in ("compress", "decompress"):
        if fields.get(name, "0") != "0":
            raise ServerError(48, f"'{name}' (the native compression) is not implemented by this server of tests")
    text = fields.get("query", "").encode("utf-8", "surrogateescape")
    headers = request.headers
    query_id = fields.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid.uuid4())
    return Query(
        statement=read_statement(text, body),
        query_id=query_id,
        wanted=_wanted(request, fields, query_id),
        parameters={name.removeprefix("param_"): value for name, value in fields.items() if name.startswith("param_")},
        default_format=headers.get("x-clickhouse-format") or fields.get("default_format") or "TabSeparated",
    )


def _wanted(request: Request, fields: Mapping[str, str], query_id: str) -> Wanted:
    settings = {
        name: value
        for name, value in fields.items()
        if name and name not in NO_SETTINGS and not name.startswith("param_")
    }
    if request.method == "GET" and settings.get("readonly", "0") == "0":
        settings["readonly"] = "2"
    timeout = fields.get("session_timeout", "60")
    if not timeout.isdigit() or int(timeout) > 3600:
        raise ServerError(374, f"Invalid session timeout: '{timeout}'")
    return Wanted(
        settings={**settings, TAG: query_id},
        database=request.headers.get("x-clickhouse-database") or fields.get("database", ""),
        session=fields.get("session_id", ""),
        session_seconds=float(timeout),
        session_must_exist=fields.get("session_check") == "1",
    )


def _credentials(request: Request) -> tuple[str, str]:
    headers = request.headers
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        if "authorization" in headers:
            raise ServerError(
                516,
                "Invalid authentication: it is not allowed to use X-ClickHouse HTTP headers and other authentication "
                "methods simultaneously",
            )
        return headers.get("x-clickhouse-user") or "default", headers.get("x-clickhouse-key", "")
    if "authorization" in headers:
        scheme, _, encoded = headers["authorization"].partition(" ")
        if scheme.lower() != "basic":
            raise ServerError(516, f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ServerError(516, "Invalid authentication: the credentials cannot be read") from None
        return user or "default", password
    fields = dict(request.parameters)
    return fields.get("user") or "default", fields.get("password", "")
