"""Bytes on disk a span, all tables, with texts that never repeat; and how far zstd shrinks those texts."""

from pathlib import Path

from _ingest import load
from running import Running

SPANS = 300_000
RATE = 14_000
SIZES = """
SELECT table, toInt64(sum(bytes_on_disk)) AS bytes, toInt64(sum(rows)) AS rows, toInt64(count()) AS parts
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY bytes DESC
"""


def measure(folder: Path) -> None:
    """Send spans with unique texts and add up the active parts of every table."""
    with Running(folder) as running:
        sent = load(running, seconds=120.0, rate=RATE, more=("--unique", "--most", str(SPANS // 512)))
        running.drain()
        sizes = running.sql(SIZES)
        total = sum(row["bytes"] for row in sizes)
        ratio = sent["compression_ratio"]
        print(f"{sent['spans']} spans of {sent['bytes_per_span']:.0f} bytes, texts shrink {ratio:.2f}x")
        print(f"{total / sent['spans']:.0f} bytes on disk a span, all tables")
        for row in sizes:
            print(
                f"  {row['table']:<20} {row['bytes'] / sent['spans']:7.1f} ({row['rows']} rows, {row['parts']} parts)"
            )
