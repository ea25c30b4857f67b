"""A process of its own that opens the embedded database: inserts `TABLE.N.arrow` files of a folder, writes `TABLE.out`.

Run as a script: `python chdb_round_trip.py FOLDER`. Aggregating tables are merged before they are read.
"""

import sys
from pathlib import Path

import clickhouse_connect
import pyarrow as pa

from migration_tables import statements


def main(folder: Path) -> None:
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder / "db"))
    client.command("CREATE DATABASE t ENGINE = Atomic")
    client.command("USE t")
    creates = statements()
    tables = sorted({path.name.split(".")[0] for path in folder.glob("*.arrow")})
    for table in tables:
        client.command(creates[table].replace("EXISTS ", "EXISTS t.", 1))
        for path in sorted(folder.glob(f"{table}.*.arrow")):
            client.insert_arrow(table, pa.ipc.open_stream(path.read_bytes()).read_all(), database="t")
        if table.startswith("rollup"):
            client.command(f"OPTIMIZE TABLE t.{table} FINAL")
        read = client.query_arrow(f"SELECT * FROM t.{table}")
        with pa.ipc.new_stream(folder / f"{table}.out", read.schema) as writer:
            writer.write_table(read)
    if "rollup_minute" in tables:
        levels = "0.5, 0.9, 0.95, 0.99, 1"
        query = (
            f"SELECT arrayMap(k -> 2 * pow(1.0202020202, k) / 2.0202020202, quantilesExactWeightedArray({levels})"
            f"(mapKeys(sketch), arrayMap(count -> toUInt64(count), mapValues(sketch))))"
            f" FROM (SELECT sumMap(latency) AS sketch FROM t.rollup_minute)"
        )
        (folder / "quantiles").write_text(" ".join(map(str, client.query(query).result_rows[0][0])))
    client.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
