"""One request from the matching of rules to the answer.

What a summary says of an insert is what the engine counts, and it counts as a server does: the rows that went into
the pipeline of a table, those of its views' targets included. Looked up for an insert that deduplication drops: in
ClickHouse's InterpreterInsertQuery and InsertDependenciesBuilder the CountingTransform stands in front of the sink,
and only the sink (MergeTreeSink) finds out that a block's token is known. So a dropped insert says `written_rows` as
if it had been written; the engine here was asked and says the same. A summary proves nothing about tokens.
"""

import json
import secrets
import socket
import string
import tempfile
from contextlib import suppress
from pathlib import Path

from clickhouse_facade._bodies import chosen_encoding, encoded
from clickhouse_facade._canned import canned
from clickhouse_facade._connection import TAG, Connection, Result
from clickhouse_facade._engine import Engine
from clickhouse_facade._errors import ServerError, status_of
from clickhouse_facade._faults import Faults, Rule
from clickhouse_facade._http import Answer, Request
from clickhouse_facade._queries import Query, check_user, read_query
from clickhouse_facade._running import Running
from clickhouse_facade._sessions import Sessions
from clickhouse_facade._statements import Kind, output_format, renamed, several

__all__ = ["Dropped", "Handler"]

PLAIN = "text/plain; charset=UTF-8"
CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
}
BY_PROXY = b"<html><head><title>Error</title></head><body><center><h1>The upstream failed</h1></center></body></html>\n"
NOTHING = Result(b"", 0, 0, 0, 0, 0, 0)
LONGEST_MATCHED = 100_000


class Dropped(Exception):  # noqa: N818
    """The connection is to be closed without an answer."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class Handler:
    """Answers requests, of any thread."""

    def __init__(self, engine: Engine, faults: Faults, user: str, password: str) -> None:
        self._engine = engine
        self._faults = faults
        self._user = user
        self._password = password
        self._sessions = Sessions(engine)
        self.running = Running(engine)

    def close(self) -> None:
        """Close all connections to the engine but those of running queries."""
        self._sessions.close()

    def answer(self, request: Request, client: socket.socket) -> Answer:
        """Return the answer to a request. Raises Dropped."""
        if request.path != "/" or (request.method == "GET" and not _asks(request)):
            return self._answer_path(request)
        query_id = ""
        try:
            check_user(request, self._user, self._password)
            query = read_query(request)
            query_id = query.query_id
            return self._answer_query(request, query, client)
        except ServerError as error:
            self._faults.failed(error.code)
            return self._failure(error, query_id)

    def _answer_path(self, request: Request) -> Answer:
        if request.path not in {"/", "/ping", "/replicas_status"}:
            return Answer(404, b"There is no handle %s\n" % request.path.encode(), {"Content-Type": PLAIN})
        rule = self._faults.choose("ping", request.path)
        try:
            early = rule and self._before(rule)
        except ServerError as error:
            return self._failure(error, "")
        answer = early or Answer(200, b"Ok.\n", {"Content-Type": PLAIN})
        return self._after(rule, answer) if rule and not early else answer

    def _answer_query(self, request: Request, query: Query, client: socket.socket) -> Answer:
        statement = query.statement
        if not statement.text.strip():
            raise ServerError(62, "Syntax error: failed at position 1 (end of query). Empty query")
        if statement.data is None and statement.kind != Kind.INSERT and several(statement.text):
            raise ServerError(62, "Syntax error (Multi-statements are not allowed)")
        rule = self._faults.choose(statement.kind, statement.text[:LONGEST_MATCHED].decode("utf-8", "replace"))
        if rule:
            if rule.action == "lie":
                return self._lie(rule, request, query)
            if early := self._before(rule):
                return early
        result = self._run(query, client)
        broken_by = canned(rule.code, rule.text) if rule and rule.action == "half" and rule.code else None
        answer = self._success(request, query, result, broken_by)
        return self._after(rule, answer) if rule else answer

    def _run(self, query: Query, client: socket.socket) -> Result:
        reads = query.setting.get("readonly", "0") != "0"
        watched = reads and query.setting.get("cancel_http_readonly_queries_on_client_close") == "1"
        with (
            self.running.entered(query.query_id, client if watched else None),
            self._sessions.lend(query.wanted) as connection,
        ):
            result = self._run_on(connection, query)
        if query.statement.kind == Kind.INSERT:
            token = query.setting.get("insert_deduplication_token", "")
            self._faults.applied(query.statement.table, result.written_rows, token)
        return result

    def _run_on(self, connection: Connection, query: Query) -> Result:
        statement = query.statement
        if statement.data is not None:
            return connection.insert(statement)
        if statement.word in {b"SET", b"USE"}:
            connection.fit = False  # one without a session is not for others
            connection.execute_own(statement.word, statement.text)
            return NOTHING
        if statement.word == b"CREATE" and b"TEMPORARY" in statement.text[:200].upper():
            connection.fit = False
        text = statement.text
        if statement.word == b"KILL":
            text = renamed(text, b"query_id", b"Settings['%s']" % TAG.encode())
        return connection.execute(text, query.default_format, query.parameters)

    def _success(
        self, request: Request, query: Query, result: Result | None, broken_by: ServerError | None = None
    ) -> Answer:
        chosen = output_format(query.statement.text) or query.default_format
        encoding = chosen_encoding(_accepted(request, query))
        body = result.body if result else b""
        headers = {
            "Content-Type": CONTENT_TYPES.get(chosen, "application/octet-stream") if query.statement.answers else PLAIN,
            "X-ClickHouse-Server-Display-Name": "test",
            "X-ClickHouse-Query-Id": query.query_id,
            "X-ClickHouse-Timezone": query.setting.get("session_timezone") or self._engine.timezone,
            "X-ClickHouse-Exception-Tag": "".join(secrets.choice(string.ascii_lowercase) for _ in range(16)),
        }
        if query.statement.answers:
            headers["X-ClickHouse-Format"] = chosen
        if broken_by:
            body = self._broken(body, broken_by, headers["X-ClickHouse-Exception-Tag"])
        if encoding and body:
            headers["Content-Encoding"] = encoding
            body = encoded(body, encoding)
        if result:
            headers["X-ClickHouse-Summary"] = _summary(result)
        return Answer(200, body, headers, sent=len(body) if broken_by else None)

    def _broken(self, body: bytes, error: ServerError, tag: str) -> bytes:
        """Return a body with an exception after its first half, as a server writes it when rows have gone out."""
        text = error.text(self._engine.names, self._engine.version)
        block = f"\r\n__exception__\r\n{tag}\r\n{text}\n{len(text) + 1} {tag}\r\n__exception__\r\n"
        return body[: len(body) // 2] + block.encode()

    def _failure(self, error: ServerError, query_id: str) -> Answer:
        headers = {"Content-Type": PLAIN, "X-ClickHouse-Exception-Code": str(error.code)}
        if query_id:
            headers |= {"X-ClickHouse-Query-Id": query_id, "X-ClickHouse-Summary": _summary(NOTHING)}
        status = status_of(error.code)
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        text = error.text(self._engine.names, self._engine.version)
        return Answer(status, text.encode("utf-8", "surrogateescape") + b"\n", headers)

    def _before(self, rule: Rule) -> Answer | None:
        """Do what a rule says before anything is done. Raises Dropped, ServerError."""
        match rule.action:
            case "reset" | "drop_before":
                raise Dropped(reset=rule.action == "reset")
            case "hang":
                self._faults.wait(rule)
                raise Dropped(reset=False)
            case "hold":
                self._faults.wait(rule)
            case "error_500":
                return Answer(rule.status, BY_PROXY, {"Content-Type": "text/html", "Server": "proxy"})
            case "code":
                raise canned(rule.code, rule.text)
        return None

    def _after(self, rule: Rule, answer: Answer) -> Answer:
        """Do what a rule says when all is done. Raises Dropped."""
        match rule.action:
            case "drop_after":
                raise Dropped(reset=False)
            case "slow":
                self._faults.wait(rule, rule.seconds)
            case "half" if not rule.code:
                answer.sent = len(answer.body) // 2
        return answer

    def _lie(self, rule: Rule, request: Request, query: Query) -> Answer:
        """Say of an insert that it was done."""
        rows = self._rows_of(query) if rule.summary else 0
        size = len(query.statement.data or b"")
        return self._success(request, query, Result(b"", rows, size, rows, size, 0, 0) if rule.summary else None)

    def _rows_of(self, query: Query) -> int:
        """Return how many rows came with an insert; 0 where they are in its text."""
        data_format = (query.statement.text.split() or [b""])[-1].decode()
        if query.statement.data is None:
            return 0
        with tempfile.NamedTemporaryFile() as file, suppress(ServerError):
            file.write(query.statement.data)
            file.flush()
            return self._engine.count_rows(Path(file.name), data_format)
        return 0


def _asks(request: Request) -> bool:
    return any(name == "query" for name, _ in request.parameters) or bool(request.body)


def _accepted(request: Request, query: Query) -> str:
    """Return the encodings that an answer may have: enable_http_compression is on by default, as in a server."""
    wanted = query.setting.get("enable_http_compression", "1")
    return request.headers.get("accept-encoding", "") if wanted != "0" else ""


def _summary(result: Result) -> str:
    counts = {
        "read_rows": result.read_rows,
        "read_bytes": result.read_bytes,
        "written_rows": result.written_rows,
        "written_bytes": result.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": result.rows or result.written_rows,
        "result_bytes": len(result.body) or result.written_bytes,
        "elapsed_ns": result.elapsed_ns,
    }
    return json.dumps({name: str(count) for name, count in counts.items()}, separators=(",", ":"))
