"""What a person's statement does, told by ClickHouse's own parser before it runs.

Guarantee: one statement, and one that only reads. A read-only session refuses most of what is refused here too, but
not INTO OUTFILE, KILL, file() as a function, python(), nor a look at a file or an address by DESCRIBE. Of settings, a
statement may name at its end those that shape the result; none that loosens a bound or names a file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._errors import QueryFailed, failure_of_query

__all__ = ["Statement", "read_statement"]

# In the parser's own spelling: words in capitals, one space between them, texts and odd names in quotes.
READS = re.compile(r"(SELECT|WITH|SHOW|DESCRIBE|EXISTS|EXPLAIN)\b|\(")
REFUSED = re.compile(
    r"\b(INTO OUTFILE|INSERT INTO|PARALLEL WITH)\b|\b(?i:file|python)(?=\()|\bDESCRIBE TABLE (?=[A-Za-z]\w*\()"
)
FORMAT = re.compile(r"\bFORMAT (\w+)(?= SETTINGS |$)")
VALUE = r"(?:'(?:[^'\\]|\\.)*'|[-+.\w]+)"
SETTINGS = re.compile(rf" SETTINGS (\w+ = {VALUE}(?:, \w+ = {VALUE})*)(?= FORMAT \w+$|$)", re.DOTALL)
SETTING = re.compile(rf"(\w+) = ({VALUE})", re.DOTALL)
MAY_SET = re.compile(
    r"output_format_(?!schema)\w+|format_(?!schema|template)\w+|date_time_output_format|session_timezone|max_threads"
    r"|(join|group_by)_use_nulls|aggregate_functions_null_for_empty|union_default_mode"
)
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
OF_CHECK = re.compile(r":? In scope SELECT formatQuerySingleLine\(.*\)(?=\. \([A-Z_]+\))", re.DOTALL)
ALLOWED = "one statement that reads the database is allowed: SELECT, WITH, SHOW, DESCRIBE, EXISTS or EXPLAIN"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may run; ``text`` can be continued, ``formatted`` says whether it names its own format.

    ``settings`` (name -> value) are those of its own SETTINGS clause, which ``text`` then lacks.
    """

    text: str
    formatted: bool
    settings: Mapping[str, str] = field(default_factory=dict)


def read_statement(client: Any, text: str) -> Statement:
    """Return the statement in ``text``; nothing of it runs. Raises QueryFailed; positions are those of ``text``."""
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    try:
        literal.encode()
        answer = client.raw_query(f"SELECT formatQuerySingleLine('{literal}')\nFORMAT TSVRaw")
    except UnicodeEncodeError:
        raise QueryFailed(QueryFailed.Kind.FAILED, "the query is no valid UTF-8") from None
    except ClickHouseError as error:
        failure = failure_of_query(error)
        raise QueryFailed(failure.kind, OF_CHECK.sub("", str(failure))) from error
    whole = bytes(answer).decode("utf-8", "replace").strip()
    spelled = QUOTED.sub("''", whole)
    if READS.match(spelled) is None:
        raise QueryFailed(QueryFailed.Kind.READ_ONLY, f"{spelled.split(maxsplit=1)[0]} is refused; {ALLOWED}")
    if found := REFUSED.search(spelled):
        raise QueryFailed(QueryFailed.Kind.READ_ONLY, f"{found[0].strip()} is refused; {ALLOWED}")
    formatted = FORMAT.search(spelled) is not None
    if SETTINGS.search(spelled) is not None:
        return Statement(SETTINGS.sub("", whole), formatted, _settings(whole))
    own = text.strip().rstrip(";").rstrip()
    return Statement(whole if ";" in own else own, formatted)


def _settings(whole: str) -> dict[str, str]:
    found = SETTINGS.search(whole)
    settings = dict(SETTING.findall(found[1])) if found else {}
    for name in settings:
        if MAY_SET.fullmatch(name) is None:
            raise QueryFailed(
                QueryFailed.Kind.READ_ONLY, f"SETTINGS {name} is refused; what shapes a result is allowed"
            )
    return {name: _unquoted(value) for name, value in settings.items()}


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith("'") else value
