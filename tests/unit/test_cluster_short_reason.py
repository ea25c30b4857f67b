"""Why ClickHouse does not answer, as /readyz shows it to anybody: the cause, and nothing of the request."""

import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from spanpulse_stream.cluster._database import short_reason

POOL = "HTTPConnectionPool(host='db', port=8123)"
PATH = "/?max_memory_usage=268435456&session_timezone=UTC&word=secret"
REFUSED = "NewConnectionError(\"HTTPConnection(host='db', port=8123): [Errno 111] Connection refused\")"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            f"Error {POOL}: Max retries exceeded with url: {PATH} (Caused by {REFUSED})",
            f"Error {POOL}: (Caused by {REFUSED})",
        ),
        ("Connection refused executing HTTP request attempt 1 to http://db/?word=secret", "Connection refused"),
        ("two\n lines", "two lines"),
    ],
)
def test_the_cause_is_told_without_the_address(said: str, expected: str) -> None:
    assert short_reason(OperationalError(said)) == expected
