"""What a ClickHouse server says with the errors that a rule may ask for without anything having gone wrong."""

from clickhouse_facade._errors import ServerError

__all__ = ["canned"]

TEXTS = {
    108: "No data to insert",
    159: "Timeout exceeded: elapsed 30.012 seconds, maximum: 30",
    164: "default: Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly",
    194: "default: Authentication failed: password is required",
    202: "Too many simultaneous queries. Maximum: 100",
    209: "Timeout exceeded while reading from socket (socket (127.0.0.1:9000), receive timeout 300000 ms)",
    210: "Connection refused (127.0.0.1:9000)",
    241: (
        "(total) memory limit exceeded: would use 7.20 GiB (attempt to allocate chunk of 4.00 MiB bytes), "
        "current RSS: 7.01 GiB, maximum: 7.20 GiB. OvercommitTracker decision: Query was selected to stop by "
        "OvercommitTracker"
    ),
    242: "Table is in readonly mode (replica path: /clickhouse/tables/1/spanpulse/span_rows/replicas/1)",
    243: "Cannot reserve 1.00 MiB, not enough space",
    319: "Unknown status, client must retry. Reason: Connection loss",
    394: "Query was cancelled",
    425: "Got an error from the system: Input/output error, errno: 5",
    516: "default: Authentication failed: password is incorrect, or there is no user with such name.",
    999: "Coordination error: Session expired",
}
# One code, two meanings: the first passes by itself, the second never does.
TOO_MANY_PARTS = {
    "parts": (
        "Too many parts (3000 with average size of 1.02 MiB) in table 'spanpulse.span_rows'. Merges are processing "
        "significantly slower than inserts"
    ),
    "partitions": (
        "Too many partitions for single INSERT block (more than 1). The limit is controlled by "
        "'max_partitions_per_insert_block' setting. Large number of partitions is a common misconception. It will lead "
        "to severe negative performance impact, including slow server startup, slow INSERT queries and slow SELECT "
        "queries. Recommended total number of partitions for a table is under 1000..10000."
    ),
}


def canned(code: int, text: str) -> ServerError:
    """Return the error; ``text`` is its message, or for 252 also `parts` or `partitions`, and '' the usual one."""
    if code == 252:
        return ServerError(code, TOO_MANY_PARTS.get(text or "parts", text))
    return ServerError(code, text or TEXTS.get(code, "Asked for by a test"))
