"""What a database must hold after load was acknowledged: each span once, in the span table and in every rollup."""

from typing import Any, Protocol

from spanpulse_stream.traffic import LoadGenerator


class Stored(Protocol):
    """What has the database: one process, or a cluster."""

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""

    def status(self) -> dict[str, Any]:
        """Return what `spanpulse status` shows."""


SLICES = 16  # of the spans: a query may take 256 MiB, less than all ids of a long run
SPANS = "SELECT toInt64(count()) AS n FROM span_rows"
DISTINCT = (
    "SELECT toInt64(uniqExact(trace_id, span_id)) AS n FROM span_rows WHERE cityHash64(trace_id, span_id) % {} = {}"
)
ROLLUPS = {
    "rollup_service": "toInt64(sum(spans))",
    "rollup_minute": "toInt64(sum(requests))",
    "rollup_user": "toInt64(sum(requests))",
    "rollup_experiment": "toInt64(sum(requests))",
}
MONEY = "SELECT toString(sum(cost)) AS cost, toInt64(sum(input_tokens)) AS i, toInt64(sum(output_tokens)) AS o"


def check(running: Stored, load: LoadGenerator, least: int, most: int) -> int:
    """Assert that between ``least`` (acknowledged) and ``most`` (sent) requests are there, each whole and once.

    Returns how many are.
    """
    spans = running.sql(SPANS)[0]["n"]
    requests, rest = divmod(spans, load.spans_per_request)
    assert not rest, f"{spans} spans are no whole requests"
    distinct = sum(running.sql(DISTINCT.format(SLICES, part))[0]["n"] for part in range(SLICES))
    assert distinct == spans, "spans are doubled"
    assert least <= requests <= most, f"{requests} requests, {least} were acknowledged and {most} sent"
    calls = requests * load.calls_per_request
    expected = {"rollup_service": spans, "rollup_minute": calls, "rollup_user": calls}
    for table, sums in ROLLUPS.items():
        value = running.sql(f"SELECT {sums} AS value FROM {table}")[0]["value"]
        assert value == expected.get(table, calls), table
    of_spans = running.sql(f"{MONEY} FROM spans WHERE counted")[0]
    for table in ("rollup_minute", "rollup_user", "rollup_experiment"):
        assert running.sql(f"{MONEY} FROM {table}")[0] == of_spans, table
    assert running.status()["completeness"]["unaccounted"] == 0
    seen = running.sql("SELECT toInt64(count()) AS n FROM seen")[0]["n"]
    assert seen == spans
    return requests
