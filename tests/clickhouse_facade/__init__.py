"""A ClickHouse server for tests: the HTTP protocol of ClickHouse in front of the embedded engine, and faults on demand.

`python -m clickhouse_facade --folder F` is a process of its own. What it promises is that a client cannot tell it
from a server in what this project asks of one: statements, formats, settings, sessions, compression, deduplication
tokens, KILL QUERY and errors are the engine's own; only HTTP and what a session is are written here.

Not the server's: Replicated tables, clusters, users and their grants (there is one user), progress headers while a
query runs, `client_protocol_version`, external data, and streaming (an answer is sent when it is complete, as with
`wait_end_of_query=1`). The engine gives queries ids of its own: a client's id is good for KILL QUERY, not for
`system.processes`. Without `non_replicated_deduplication_window` a table knows no tokens, as on a server.
"""
