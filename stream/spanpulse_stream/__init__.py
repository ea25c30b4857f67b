"""From OTLP bytes to rows: decode, normalise, attribute usage, price, roll up, and the Faust app that runs it.

Read the folders in the order in which a span travels: `gateway`, `log`, `transport`, `decode`, `normalise`,
`usage`, `price`, `rollup`, `pipeline`. The steps are pure functions over columns; HTTP, SQLite, Faust and
ClickHouse appear only at the edges. Importing this package imports none of them.
"""
