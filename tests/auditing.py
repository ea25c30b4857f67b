"""Audits inside the process of the database: of logs written by the steps, as they are and with something wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from correcting import corrected_messages
from deciding import with_decisions
from otlp.requests import some_traces
from pipeline_running import ROLLUPS, SOURCE, START_MS, Processed, cuts, messages, rolled, sampled
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase, Workbench, days_of, workbench
from spanpulse_stream.maintenance._audit_batches import BatchAudit
from spanpulse_stream.maintenance._audit_rollups import RollupAudit
from spanpulse_stream.maintenance._audit_rows import DayRows
from spanpulse_stream.maintenance._audit_scope import full_dimensions
from spanpulse_stream.maintenance._rebuild_days import committed_ends
from spanpulse_stream.pipeline import DayRange, Incoming, rollups_of

Findings = list[dict[str, Any]]


def audited(bench: Workbench) -> Iterator[dict[str, Any]]:
    """Yield what is wrong in a database that nothing is written to."""
    ends = committed_ends(bench)
    days = sorted({found.day for found in days_of(bench, ("batches", "span_rows", *ROLLUPS))})
    yield from BatchAudit(bench.read, days, ends, {}).findings()
    for day in days:
        rows = DayRows(day, ends, full_dimensions(bench, day, ends))
        yield from RollupAudit(bench.read, rows, {}).differences(ROLLUPS)


def of_log(folder: Path, seed: int, bounds: list[int], window: int = 5_000) -> dict[str, Any]:
    """Write traces in pieces over several days, and decisions; return how much there is, and what the audit finds."""
    with EmbeddedDatabase.open(folder, CONFIG) as database, workbench(database) as bench:
        processed = Processed(folder, database, window)
        processed.write(cuts(with_decisions(corrected_messages(seed), seed), bounds), set())
        counts = {
            name: bench.rows(f"SELECT toInt64(count()) AS n FROM {name}")[0]["n"]
            for name in ("span_rows", "span_updates", "scores", "rollup_score", "rollup_experiment")
        }
        across = "SELECT toInt64(count()) AS n FROM span_updates WHERE toDate(received_at) > toDate(target_received_at)"
        counts["decided"] = bench.rows("SELECT toInt64(sum(decided)) AS n FROM batches")[0]["n"]
        counts |= {"days": len(days_of(bench, ("batches",))), "across days": bench.rows(across)[0]["n"]}
        return {**counts, "findings": list(audited(bench))}


def mixed(folder: Path, seed: int, bounds: list[int]) -> Findings:
    """Write recorded exports of both signals over several days, some of them sampled; return what the audit finds."""
    with EmbeddedDatabase.open(folder, CONFIG) as database, workbench(database) as bench:
        Processed(folder, database).write(cuts(sampled(messages(seed, step_ms=700_000)), bounds), set())
        return list(audited(bench))


def rebuilt(folder: Path, seed: int, bounds: list[int]) -> tuple[Any, Any]:
    """Write traces in pieces, and decisions; return the rollups as they are, and counted again, a day in two ranges."""
    log = with_decisions(corrected_messages(seed), seed)
    with EmbeddedDatabase.open(folder, CONFIG) as database, workbench(database) as bench:
        processed = Processed(folder, database)
        processed.write(cuts(log, bounds), set())
        live = {table: rolled(processed, table) for table in ROLLUPS}
        again = [
            rows
            for day in {found.day for found in days_of(bench, ("batches",))}
            for first, end in ((0, len(log) // 2), (len(log) // 2, len(log)))
            for rows in rollups_of(bench.read, DayRange(SOURCE, day, first, end))
        ]
        for table in ROLLUPS:
            bench.command(f"TRUNCATE TABLE {table}")
        for table, rows in again:
            bench.insert(table, rows)
        return live, {table: rolled(processed, table) for table in ROLLUPS}


def beyond_caps(folder: Path) -> dict[str, Any]:
    """Write more names of spans than a day has places for."""
    log = [
        Incoming(number, START_MS + number, "default", "traces", 700, some_traces(700, 1 + 700 * number))
        for number in range(4)
    ]
    with EmbeddedDatabase.open(folder, CONFIG) as database, workbench(database) as bench:
        Processed(folder, database).write(cuts(log, [1, 2, 3]), set())
        others = bench.rows("SELECT toInt64(sum(spans)) AS n FROM rollup_service WHERE name = '__other__'")[0]["n"]
        whole = list(audited(bench))
        bench.command(
            "INSERT INTO rollup_service (received_day, minute, tenant, service_name, kind, name, spans)"
            " SELECT received_day, minute, tenant, service_name, kind, name, 1 FROM rollup_service"
            " WHERE name = '__other__' LIMIT 1"
        )
        return {"others": others, "whole": whole, "changed": list(audited(bench))}


def each_measure(folder: Path) -> dict[str, Any]:
    """Add one to each measure of each rollup, in a row of its own; return what was changed and what was found."""
    with EmbeddedDatabase.open(folder, CONFIG) as database, workbench(database) as bench:
        Processed(folder, database).write(cuts(corrected_messages(1, step_ms=700), [40, 80]), set())
        changed = []
        for table in ROLLUPS:
            columns = bench.rows(
                "SELECT name, type, default_expression FROM system.columns"
                f" WHERE database = 'spanpulse' AND table = '{table}'"
            )
            keys = ", ".join(row["name"] for row in columns if "Aggregate" not in row["type"])
            derived = [row["name"] for row in columns if row["default_expression"]]
            for row in columns:
                if "Function(sum" in row["type"]:
                    given = {**dict.fromkeys(derived, "0"), row["name"]: _one_of(row["type"])}
                    bench.command(
                        f"INSERT INTO {table} ({keys}, {', '.join(given)}) SELECT {keys}, {', '.join(given.values())}"
                        f" FROM {table} ORDER BY ALL LIMIT 1"
                    )
                    changed.append((table, row["name"]))
        return {"changed": changed, "found": [(each["table"], each["measure"]) for each in audited(bench)]}


def planted(folder: Path) -> dict[str, Any]:
    """Take a span away, double a rollup row, change a cost, leave a batch out; each by itself."""
    with EmbeddedDatabase.open(folder, CONFIG) as database, workbench(database) as bench:
        Processed(folder, database).write(cuts(messages(1, step_ms=7_000), [20, 40, 60, 80]), set())
        assert not list(audited(bench))
        now = "SETTINGS mutations_sync = 1"
        (span,) = bench.rows(
            "SELECT toInt64(toUnixTimestamp(toStartOfMinute(received_at))) AS received, tenant, log_offset, ordinal,"
            " toInt64(toUnixTimestamp(toStartOfMinute(end_time))) AS ended FROM span_rows"
            " WHERE counted AND cost > 0 ORDER BY log_offset, ordinal LIMIT 1 OFFSET 3"
        )
        place = f"log_offset = {span['log_offset']} AND ordinal = {span['ordinal']} AND log_source = {SOURCE}"
        bench.command("CREATE TABLE kept AS span_rows")
        bench.command(f"INSERT INTO kept SELECT * FROM span_rows WHERE {place}")
        bench.command(f"ALTER TABLE span_rows UPDATE cost = cost + 1 WHERE {place} {now}")
        cost = list(audited(bench))
        bench.command(f"ALTER TABLE span_rows DELETE WHERE {place} {now}")
        missing = list(audited(bench))
        bench.command("INSERT INTO span_rows SELECT * FROM kept")
        (row,) = bench.rows(
            "SELECT toInt64(toUnixTimestamp(minute)) AS at, tenant FROM rollup_minute ORDER BY ALL LIMIT 1"
        )
        bench.command("INSERT INTO rollup_minute SELECT * FROM rollup_minute ORDER BY minute, tenant LIMIT 1")
        doubled = list(audited(bench))
        bench.command(f"ALTER TABLE batches DELETE WHERE first_offset = 40 {now}")
        return {
            "span": span,
            "row": row,
            "cost": cost,
            "missing": missing,
            "doubled": doubled,
            "gap": list(audited(bench)),
        }


def _one_of(kind: str) -> str:
    if "String" in kind:
        return "map('planted', toInt64(1))"
    return "map(toInt16(7), toInt64(1))" if "Map" in kind else "1"
