"""A process of its own that has ClickHouse compute the SQL of docs/assignment.md for pairs of salt and user.

Run as a script: `python assignment_sql.py FOLDER` with the pairs, in hexadecimal, as JSON on standard input; prints the
rows (point, hash, bucket, variant) as JSON.
"""

import json
import re
import sys
from pathlib import Path

import clickhouse_connect

PAGE = (Path(__file__).parents[1] / "docs/assignment.md").read_text("utf-8")


def main(folder: Path) -> None:
    columns = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    variant = re.search(r"`(if\(toUInt64\(point\).*?)`", PAGE)
    assert columns is not None
    assert variant is not None
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder / "db"))
    rows = []
    for salt, user in json.load(sys.stdin):
        given = f"SELECT unhex('{salt}') AS salt, unhex('{user}') AS user"
        rows += client.query(f"SELECT {columns[1]}, {variant[1]} AS variant FROM ({given})").result_rows
    json.dump(rows, sys.stdout)
    client.close()


main(Path(sys.argv[1]))
