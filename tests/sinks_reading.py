"""What the tests of schema, queries and repair do in the process of the database."""

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import chdir, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks_batches import DAY, SOURCE, batch
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import (
    BatchWriter,
    Cancel,
    EmbeddedDatabase,
    QueryFailed,
    QueryLimits,
    Retention,
    SchemaTooNew,
    SinkError,
    guest_query,
    percentiles,
    query,
)
from spanpulse_sinks.clickhouse._config import DATABASE
from spanpulse_sinks.clickhouse._measures import LATER
from spanpulse_sinks.clickhouse._migrate import migrations

NO_LIMIT = QueryLimits(seconds=60)


def rows(database: EmbeddedDatabase, sql: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in query(database, sql).splitlines()]


def one(database: EmbeddedDatabase, sql: str) -> Any:
    return next(iter(rows(database, sql)[0].values()))


def creates(folder: Path) -> dict[str, str]:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        sql = f"SELECT name, create_table_query FROM system.tables WHERE database = '{DATABASE}'"
        return {str(name): str(create) for name, create in database.control.query(sql).result_rows}


def migrated_again(folder: Path) -> dict[str, Any]:
    """Every statement runs twice, data and record stay; a newer record is refused."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        BatchWriter(database).write(batch(0))
        for migration in migrations(CONFIG):
            for statement in migration.statements:
                database.control.command(statement)
        spans = one(database, "SELECT count() FROM spans")
        recorded = one(database, "SELECT groupArray(version) FROM (SELECT version FROM migrations ORDER BY version)")
        database.control.command("INSERT INTO migrations (version, name) VALUES (9999, 'later')")
    try:
        with EmbeddedDatabase.open(folder, CONFIG):
            refused = ""
    except SchemaTooNew as error:
        refused = str(error)
    return {"spans": spans, "recorded": recorded, "refused": refused}


def counted_later(folder: Path) -> dict[str, Any]:
    """Rows of a rollup without its later measures: what these are once they are added, after a merge, and of new rows.

    A row here is requests, weighted requests, requests without usage and without a price.
    """
    before = {"plain": "4, 4, 1, 2", "all": "7, 70, 0, 7", "none": "3, 9, 0, 0", "half": "2, 60, 1, 0"}
    before["back"] = "0, 0, 0, -1"
    names = "requests, weighted_requests, requests_usage_missing, requests_unpriced"
    shown = "groupArray((user_id, [weighted_requests_usage_missing, weighted_requests_unpriced])) AS found"
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        command = database.control.command
        for name in LATER:
            command(f"ALTER TABLE rollup_user DROP COLUMN {name}")
        for user, counts in before.items():
            command(f"INSERT INTO rollup_user (received_day, user_id, {names}) VALUES ('{DAY}', '{user}', {counts})")
        for statement in next(each for each in migrations(CONFIG) if each.name == "weighted_unknown").statements:
            command(statement)
        read = dict(one(database, f"SELECT {shown} FROM rollup_user"))
        command("OPTIMIZE TABLE rollup_user FINAL")
        merged = dict(one(database, f"SELECT {shown} FROM rollup_user"))
        later = ", ".join(LATER)
        command(f"INSERT INTO rollup_user (received_day, user_id, {later}) VALUES ('{DAY}', 'new', 5, 6)")
        new = dict(one(database, f"SELECT {shown} FROM requests_by_user WHERE user_id = 'new'"))
    return {"read": read, "merged": merged, "kept apart": new}


def compression(folder: Path, zstd_from_bytes: int) -> list[str]:
    """What compresses span_rows after an insert, and after a merge."""
    found: list[str] = []
    sql = "SELECT any(default_compression_codec) FROM system.parts WHERE active AND table = 'span_rows'"
    with EmbeddedDatabase.open(folder, replace(CONFIG, zstd_from_bytes=zstd_from_bytes)) as database:
        BatchWriter(database).write(batch(0))
        found.append(one(database, sql))
        database.control.command("OPTIMIZE TABLE span_rows FINAL")
        return [*found, one(database, sql)]


def beside_a_foreign_config(folder: Path) -> int:
    """What the engine answers where the working directory holds a config.xml that is not its own."""
    for each in (folder, folder / ".clickhouse-local"):
        each.mkdir(exist_ok=True)
        each.joinpath("config.xml").write_text("<clickhouse><broken", "utf-8")
    os.environ["HOME"] = str(folder)
    with chdir(folder), EmbeddedDatabase.open(folder / "database", CONFIG) as database:
        return int(one(database, "SELECT 1"))


def other_retention(folder: Path) -> list[str]:
    """The days in the TTL of three tables after the configuration changed."""
    with EmbeddedDatabase.open(folder, CONFIG):
        pass
    with EmbeddedDatabase.open(folder, replace(CONFIG, retention=Retention(5, 6, 7))) as database:
        days = "extract(create_table_query, 'TTL .*toIntervalDay\\\\((\\\\d+)\\\\)')"
        names = "name IN ('span_rows', 'rollup_minute', 'dead_letters')"
        sql = f"SELECT groupArray({days}) FROM (SELECT * FROM system.tables WHERE {names} ORDER BY name)"
        return list(one(database, sql))


def expired(folder: Path) -> int:
    """Rows of a day behind the retention, after the merges that drop whole parts."""
    with EmbeddedDatabase.open(folder, replace(CONFIG, retention=Retention(5, 6, 7))) as database:
        BatchWriter(database).write(batch(0, day=date(2020, 1, 1)))
        database.control.command("OPTIMIZE TABLE span_rows FINAL")
        return int(one(database, "SELECT count() FROM span_rows"))


def views(folder: Path) -> dict[str, Any]:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        BatchWriter(database).write(batch(0))
        values = "log_source, log_offset, received_at, target_log_offset, target_ordinal, user_id, session_id"
        when = f"'{DAY} 12:00:00'"
        database.control.command(
            f"INSERT INTO span_updates ({values}) VALUES"
            f" ({SOURCE}, 8, {when}, 1, 0, 'first', 's'), ({SOURCE}, 9, {when}, 1, 0, 'second', NULL)"
        )
        database.control.command(
            "ALTER TABLE span_rows UPDATE input_messages = NULL WHERE ordinal = 1 SETTINGS mutations_sync=1"
        )
        late = "tenant, trace_id, span_id, log_source, log_offset, received_at"
        for ordinal, text in enumerate(("one", "two")):
            message = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}, {"type": "blob"}]}])
            database.control.command(
                f"INSERT INTO span_texts ({late}, ordinal,"
                f" direction, messages) SELECT {late}, {ordinal}, 'input', '{message}' FROM span_rows"
                " WHERE ordinal = 1 AND log_offset = 2"
            )
        columns = "counted, user_id, session_id, prompt_name, input_text, output_text, cost, parent_span_id"
        at = f"SELECT {columns} FROM spans WHERE log_offset ="
        return {
            "corrected": rows(database, f"{at} 1 AND ordinal = 0")[0],
            "uncounted": rows(database, f"{at} 0 AND ordinal = 0")[0],
            "late": rows(database, f"{at} 2 AND ordinal = 1")[0],
            "silent": rows(database, f"{at} 3 AND ordinal = 1")[0],
            "count": one(database, "SELECT count() FROM spans"),
            "pushed": _indexes(database, "trace_id = 'x'") + _indexes(database, "end_time > '2030-01-01 00:00:00'"),
        }


def _indexes(database: EmbeddedDatabase, where: str) -> list[str]:
    plan = query(
        database, f"EXPLAIN indexes = 1 SELECT count() FROM spans WHERE {where}", output_format="TSVRaw"
    ).decode()
    return [line.split("Name:")[1].strip() for line in plan.splitlines() if "Name:" in line]


def sketches(folder: Path, signed: list[list[dict[int, int]]], levels: list[float]) -> list[list[float]]:
    """The percentiles of each list of maps, one row a map."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        found = []
        for maps in signed:
            database.control.command("TRUNCATE TABLE rollup_service")
            for sketch in maps:
                literal = "map(" + ", ".join(f"{key}, {count}" for key, count in sketch.items()) + ")"
                database.control.command(
                    f"INSERT INTO rollup_service (received_day, latency) SELECT today(), {literal}"
                )
            found.append(list(one(database, f"SELECT {percentiles('latency', levels)} FROM rollup_service")))
        return found


def readable(folder: Path) -> dict[str, Any]:
    """Every readable view over one batch; a view that does not run raises."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        BatchWriter(database).write(batch(0))
        names = ("requests_by_minute", "requests_by_model", "requests_by_experiment", "requests_by_user")
        others = ("services_by_minute", "scores_by_minute", "scores_by_experiment")
        found = {name: rows(database, f"SELECT * FROM {name}") for name in (*names, *others)}
        command = database.control.command
        for counts in ("'known', 3, 1, 1, 5", "'free', 1, 0, 0, 0", "'unknown', 2, 1, 1, 0"):
            names = "model, requests, requests_usage_missing, requests_unpriced, cost"
            command(f"INSERT INTO rollup_minute (received_day, {names}) VALUES ('{DAY}', {counts})")
        costs = "SELECT groupArray((model, toString(cost))) FROM requests_by_model"
        found["costs"] = dict(one(database, costs))
        money = "SELECT toTypeName(sum(cost)) FROM rollup_minute"
        return {**found, "money": one(database, money)}


def failures(folder: Path) -> dict[str, str]:
    """Query -> why it failed."""
    limits = QueryLimits(seconds=0.3, rows=10, result_bytes=1 << 20, memory_bytes=64 << 20)
    queries = {
        "time": "SELECT sum(sipHash64(number)) FROM numbers(100000000000)",
        "rows": "SELECT number FROM numbers(1000)",
        "memory": "SELECT count() FROM (SELECT number FROM numbers(20000000) GROUP BY number)",
        "write": "INSERT INTO span_rows (log_source) VALUES (1)",
        "drop": "DROP TABLE span_rows",
        "leave": "SELECT 1 SETTINGS readonly = 0",
        "syntax": "SELEC 1",
        "surrogate": "SELECT '\udcff'",
        "fine": "SELECT 1",
    }
    found = {}
    with EmbeddedDatabase.open(folder, replace(CONFIG, limits=limits)) as database:
        for name, sql in queries.items():
            found[name] = _outcome(lambda sql=sql: guest_query(database, sql))
        found["format"] = _outcome(lambda: guest_query(database, "SELECT 1", output_format="TSV; DROP"))
        found["tsv"] = guest_query(database, "SELECT 1, 'x';\n", output_format="TSV").decode()
        found["bytes"] = query(database, "SELECT unhex('ff41') AS a").decode()
    found["closed"] = _outcome(lambda: query(database, "SELECT 1"))
    found["guest"] = _outcome(lambda: guest_query(database, "SELECT 1"))
    return found


def refusals(folder: Path, statements: list[str]) -> dict[str, str]:
    """Statement -> why it was refused. $FILE stands for a path in ``folder``, where nothing may come to be."""
    found = {}
    inside = set(folder.iterdir())
    with EmbeddedDatabase.open(folder / "db", CONFIG) as database:
        for sql in statements:
            found[sql] = _outcome(lambda sql=sql: guest_query(database, sql.replace("$FILE", f"'{folder}/out.csv'")))
        left = one(database, "SELECT count() FROM system.tables WHERE is_temporary")
    assert (set(folder.iterdir()) - inside, left) == ({folder / "db"}, 0)
    return found


def answers(folder: Path, statements: list[str]) -> dict[str, str]:
    """Statement -> its result in CSV, or why there is none."""
    found = {}
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        for sql in statements:
            try:
                found[sql] = guest_query(database, sql, output_format="CSV").decode()
            except QueryFailed as error:
                found[sql] = str(error)
    return found


def left_behind(folder: Path) -> dict[str, list[Any]]:
    """How a query failed -> what the next ones in the same session return."""
    failing = {
        "rows": "SELECT number FROM numbers(3000000) FORMAT TSVWithNames",
        "arrow": "SELECT number FROM numbers(3000000) FORMAT ArrowStream",
        "thrown": "SELECT throwIf(number = 200000) FROM numbers(300000) FORMAT CSVWithNames",
        "memory": "SELECT groupArray(number) FROM numbers(100000000) FORMAT JSONEachRow",
    }
    found: dict[str, list[Any]] = {}
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        for lend in (database.reader, database.guest):
            with lend() as session:
                for name, sql in failing.items():
                    with suppress(ClickHouseError):
                        found[name] = [session.raw_query(sql)]
                        continue
                    found.setdefault(name, []).append(session.raw_query("SELECT 1 FORMAT TSV"))
        with suppress(ClickHouseError):
            database.writer.query("SELECT throwIf(number = 2000000) AS a FROM numbers(3000000)")
        found["writer"] = list(database.writer.query("SELECT 7 AS b").result_rows)
    return found


def guests_apart(folder: Path) -> dict[str, str]:
    """What guests leave of the program's own sessions while they hold all of theirs."""
    with EmbeddedDatabase.open(folder, CONFIG) as database, database.guest(), database.guest():
        found = {"own": _outcome(lambda: query(database, "SELECT 1"))}
        try:
            with database.guest(within=0.05):
                found["third"] = "lent"
        except QueryFailed as error:
            found["third"] = str(error.kind)
        return found


def asking_another_machine(folder: Path) -> dict[str, Any]:
    """A query asks a machine that refuses it, another one that says nothing. Then the database closes."""
    database = EmbeddedDatabase.open(folder, CONFIG)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"url('http://127.0.0.1:{closed.getsockname()[1]}/x', 'CSV', 'a Int32')"
        closed.close()
        begun = time.monotonic()
        found: dict[str, Any] = {"refused": _outcome(lambda: query(database, f"SELECT * FROM {url}"))}
        found["refused in"] = time.monotonic() - begun
        url = f"url('http://127.0.0.1:{silent.getsockname()[1]}/x', 'CSV', 'a Int32')"
        insisting = f"SELECT * FROM {url} SETTINGS http_receive_timeout = 30"
        work = threading.Thread(target=lambda: _outcome(lambda: query(database, insisting)), daemon=True)
        work.start()
        silent.accept()
        begun = time.monotonic()
        database.close()
        return {**found, "stuck": database.stuck, "closed in": time.monotonic() - begun}


def cancelled(folder: Path) -> dict[str, Any]:
    """A query ended by its handle, one by closing the database, and one cancelled before it began."""
    database = EmbeddedDatabase.open(folder, replace(CONFIG, readers=2))
    early, handle = Cancel(), Cancel()
    early.cancel(database)
    found = {"early": _outcome(lambda: query(database, "SELECT 1", cancel=early))}
    forever = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"

    def run(name: str, cancel: Cancel) -> threading.Thread:
        def work() -> None:
            found[name] = _outcome(lambda: query(database, forever, cancel=cancel, limits=NO_LIMIT))

        thread = threading.Thread(target=work)
        thread.start()
        _until(lambda: any(cancel.mark in str(row[0]) for row in _processes(database)))
        return thread

    first = run("handle", handle)
    handle.cancel(database)
    first.join(20)
    second = run("close", Cancel())
    begun = time.monotonic()
    database.close()
    second.join(20)
    return {**found, "seconds": time.monotonic() - begun, "alive": first.is_alive() or second.is_alive()}


def busy(folder: Path) -> str:
    with EmbeddedDatabase.open(folder, CONFIG) as database, database.reader():
        try:
            with database.reader(within=0.05):
                return "lent twice"
        except QueryFailed as error:
            return str(error.kind)


def swept(folder: Path) -> list[str]:
    with EmbeddedDatabase.open(folder, CONFIG):
        pass
    (folder / "incoming" / "0.arrows").write_bytes(b"left behind by a kill")
    with EmbeddedDatabase.open(folder, CONFIG):
        left = [path.name for path in (folder / "incoming").iterdir()]
    shutil.rmtree(folder, ignore_errors=True)
    return left


def inserted_after_failures(folder: Path) -> dict[str, Any]:
    """Rows of a large batch, of one that fails, of a small one; and what is left when the database is closed."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        large, small = (batch(0, spans=count).tables["span_rows"] for count in (500, 2))
        assert large is not None
        assert small is not None
        database.insert("span_rows", large)
        with suppress(ClickHouseError):
            database.insert("no_such_table", large)
        database.insert("span_rows", small)
        rows = one(database, "SELECT count() FROM span_rows")
        expected = large.num_rows + small.num_rows
    return {"rows": int(rows), "expected": expected, "left": [path.name for path in (folder / "incoming").iterdir()]}


def refused(folder: Path) -> str:
    """Why a database cannot lie in this folder; nothing is made there."""
    try:
        with EmbeddedDatabase.open(folder, CONFIG):
            return ""
    except SinkError as error:
        assert not folder.exists()
        return str(error)


def _outcome(call: Callable[[], bytes]) -> str:
    try:
        call()
    except QueryFailed as error:
        return str(error.kind)
    return "fine"


def _processes(database: EmbeddedDatabase) -> list[Any]:
    with suppress(Exception):
        return list(database.writer.query("SELECT query FROM system.processes").result_rows)
    return []


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    waiting = threading.Event()
    while not true():
        assert time.monotonic() < deadline, "the query never began"
        waiting.wait(0.01)
