"""Reading a statement only as far as HTTP needs: its kind, where an insert's data begins, which format comes out.

A server finds the data of an INSERT by parsing; so does this, with the tokens of the statement's head. Not guaranteed:
anything about statements that the engine then refuses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Kind", "Statement", "output_format", "read_statement", "renamed", "several"]

TOKEN = re.compile(
    rb"(?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)"
    rb"|(?P<quoted>'(?:[^'\\]|\\.|'')*')"
    rb"|(?P<name>`(?:[^`\\]|\\.|``)*`|\"(?:[^\"\\]|\\.|\"\")*\")"
    rb"|(?P<word>\w+)"
    rb"|(?P<other>.)",
    re.DOTALL,
)
FORMAT_AT_END = re.compile(
    rb"\bFORMAT\s+(\w+)\s*(?:SETTINGS\s+[\w\s=,.'\"+-]*)?(?:;\s*)?$",
    re.IGNORECASE,
)
READING = frozenset((b"SELECT", b"WITH", b"FROM", b"SHOW", b"DESCRIBE", b"DESC", b"EXISTS", b"EXPLAIN", b"CHECK"))
ANSWERING = READING | {b"KILL", b"BACKUP", b"RESTORE"}
LONGEST_HEAD = 1 << 20


class Kind(StrEnum):
    """What a statement does, as rules of faults name it."""

    SELECT = "select"
    INSERT = "insert"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: ``text`` is all of it but the data of an INSERT ... FORMAT, which is in ``data``.

    ``table`` is the bare name of the table that an INSERT names. ``file_at`` is where FROM INFILE goes in ``text``.
    """

    text: bytes
    kind: Kind
    word: bytes = b""
    table: str = ""
    data: memoryview | None = None
    file_at: int = 0

    @property
    def answers(self) -> bool:
        """Whether it has a result, be it empty."""
        return self.word in ANSWERING

    def with_file(self, quoted_path: bytes) -> bytes:
        """Return an INSERT that takes its data from a file."""
        head, tail = self.text[: self.file_at], self.text[self.file_at :]
        return b"%s FROM INFILE '%s' %s" % (head.rstrip(), quoted_path, tail)


def read_statement(query: bytes, body: bytes) -> Statement:
    """Return the statement of a request: ``query`` is that of its URL, and ``body`` follows it after a line break."""
    if query:
        insert = _insert(query)
        if insert and insert.data is not None and not insert.data:
            return Statement(insert.text, Kind.INSERT, insert.word, insert.table, memoryview(body), insert.file_at)
        body = query + (b"\n" + body if body else b"")
    return _insert(body) or _other(body)


def output_format(text: bytes) -> str | None:
    """Return the format that a statement asks for itself."""
    match = FORMAT_AT_END.search(text[-2000:].rstrip())
    return match[1].decode() if match else None


def several(text: bytes) -> bool:
    """Tell whether there is more than one statement."""
    if b";" not in text.rstrip().rstrip(b";"):
        return False
    ended = False
    for kind, token, _ in _tokens(text):
        if ended and kind != "space" and token != b";":
            return True
        ended = ended or token == b";"
    return False


def renamed(text: bytes, name: bytes, expression: bytes) -> bytes:
    """Put an expression in the place of a column's name."""
    named = (name, b"`%s`" % name, b'"%s"' % name)
    return b"".join(expression if token in named else token for _, token, _ in _tokens(text))


def _tokens(text: bytes) -> Iterator[tuple[str, bytes, int]]:
    for match in TOKEN.finditer(text, 0, min(len(text), LONGEST_HEAD)):
        yield str(match.lastgroup), match[0], match.start()
    if len(text) > LONGEST_HEAD:
        yield "other", text[LONGEST_HEAD:], LONGEST_HEAD


def _first_word(text: bytes) -> bytes:
    for kind, token, _ in _tokens(text):
        if kind == "word":
            return token.upper()
        if kind != "space" and token != b"(":
            break
    return b""


def _other(text: bytes) -> Statement:
    word = _first_word(text)
    return Statement(text, Kind.SELECT if word in READING else Kind.COMMAND, word)


def _insert(text: bytes) -> Statement | None:
    """Return the parts of an INSERT; one of VALUES or of a query stays whole, for it needs no file."""
    if _first_word(text) != b"INSERT":
        return None
    table, depth, settings_at, format_at, named = b"", 0, 0, 0, False
    for kind, token, at in _tokens(text):
        word = token.upper() if kind == "word" else b""
        if format_at and word:
            return _with_data(text, _bare(table), settings_at or format_at, at + len(token))
        if depth == 0 and not named:
            if word in (b"INSERT", b"INTO", b"TABLE", b"FUNCTION") and not table:
                continue
            if word or kind == "name":
                table = token
            elif kind == "other" and token != b"." and table:
                named = True
            named = named or (kind == "space" and bool(table))
        elif depth == 0 and word == b"SETTINGS":
            settings_at = settings_at or at
        elif depth == 0 and word == b"FORMAT":
            format_at = at
        elif depth == 0 and word in (b"VALUES", b"SELECT", b"WITH", b"FROM", b"WATCH", b"EXPLAIN"):
            break
        depth += {b"(": 1, b")": -1}.get(token, 0)
    return Statement(text, Kind.INSERT, b"INSERT", _bare(table))


def _bare(name: bytes) -> str:
    return name.strip(b'`"').decode("utf-8", "replace")


def _with_data(text: bytes, table: str, file_at: int, data_at: int) -> Statement:
    """Cut behind the format's name: the data follow the first line break, or the spaces where there is none."""
    head = text[:data_at]
    while text[data_at : data_at + 1] in (b" ", b"\t", b"\f"):
        data_at += 1
    for end in (b"\r", b"\n"):
        data_at += text[data_at : data_at + 1] == end
    return Statement(head, Kind.INSERT, b"INSERT", table, memoryview(text)[data_at:], file_at)
