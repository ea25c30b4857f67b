"""The steps of a partition over messages and a real database, for the process that owns it; each returns plain data.

Messages are real exports, some of them sent twice, cut into batches as a test says.
"""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from deciding import with_decisions
from oracle import corpus_bodies
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import TABLES, BatchWriter, EmbeddedDatabase, query
from spanpulse_stream.gateway import OtlpOptions
from spanpulse_stream.pipeline import History, Incoming, PartitionSteps, PriceBooks, Tools, Versions, rebuilt_day
from spanpulse_stream.traffic import LoadGenerator

SOURCE = 7
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEIGHT, OTHER_WEIGHT = 7, 40
START_MS = int(NOON.timestamp() * 1000)
ROLLUPS = (
    *("rollup_minute", "rollup_quarter", "rollup_experiment"),
    *("rollup_user", "rollup_service", "rollup_score", "rollup_score_experiment"),
)

Found = dict[str, Any]


def messages(seed: int, step_ms: int = 700) -> list[Incoming]:
    """Return messages in log order: corpus exports of both signals and generated ones, every fifth sent twice."""
    rng = random.Random(seed)
    load = LoadGenerator(seed)
    found = [("traces", body) for _, body in corpus_bodies("traces")]
    found += [("logs", body) for _, body in corpus_bodies("logs")]
    found += [("traces", load.request(START_MS * 1_000_000)) for _ in range(6)]
    found += rng.sample(found, len(found) // 5)
    rng.shuffle(found)
    return [
        Incoming(offset, START_MS + offset * step_ms, rng.choice(["default", "default", "acme"]), signal, 1, body)
        for offset, (signal, body) in enumerate(found)
    ]


def sampled(log: list[Incoming]) -> list[Incoming]:
    """Return the messages with a weight on every span of each fifth and of another one in each message."""
    return [replace(each, value=_weighted(each)) if each.signal == "traces" else each for each in log]


def _weighted(message: Incoming) -> bytes:
    request = ExportTraceServiceRequest.FromString(message.value)
    spans = [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
    for number, span in enumerate(spans):
        weight = WEIGHT if message.offset % 5 == 0 else OTHER_WEIGHT if number % 3 == 1 else None
        if weight is not None:
            span.attributes.add(key="spanpulse.weight").value.int_value = weight
    return request.SerializeToString()


def versions(books: PriceBooks, window: int = 5_000) -> str:
    limits = OtlpOptions().decoding
    return Versions(
        prices=books.current.version,
        content="full",
        keep="all",
        window=window,
        max_attributes=limits.max_attributes,
        max_depth=limits.max_depth,
        program="test",
    ).dump()


def cuts(log: list[Incoming], bounds: list[int]) -> list[list[Incoming]]:
    """Cut a log into batches at some offsets and at midnight."""
    batches: list[list[Incoming]] = []
    for message in log:
        day = message.appended_at // 86_400_000
        if not batches or message.offset in bounds or batches[-1][0].appended_at // 86_400_000 != day:
            batches.append([])
        batches[-1].append(message)
    return batches


class Processed:
    """A log written into a database, with a restart where the test wants one."""

    def __init__(self, folder: Path, database: EmbeddedDatabase, window: int = 5_000) -> None:
        self.database = database
        self.books = PriceBooks(None, folder / "prices")
        self.versions = versions(self.books, window)
        self.steps = self.restarted()

    def restarted(self, seed: int = 1) -> PartitionSteps:
        tools = Tools(self.database, BatchWriter(self.database), self.books, lambda *_: None, seed)
        return PartitionSteps(SOURCE, tools)

    def write(self, batches: list[list[Incoming]], restart_before: set[int]) -> None:
        for number, batch in enumerate(batches):
            if number in restart_before:
                self.steps = self.restarted(seed=number)
            self.steps.write(self.steps.compute(batch, self.versions))

    def read(self, sql: str) -> list[dict[str, Any]]:
        answer = query(self.database, sql, output_format="ArrowStream")
        return list(pa.ipc.open_stream(answer).read_all().to_pylist())

    def tables(self) -> Found:
        """Return a count and a hash of the content of every table; rollup rows as merging leaves them in the end."""
        hashed = "toInt64(count()) AS n, toString(sum(cityHash64(tuple(*)))) AS content"
        plain = [table for table in TABLES if table not in ROLLUPS]
        found: Found = {table: self.read(f"SELECT {hashed} FROM {table}")[0] for table in plain}
        return found | {table: rolled(self, table) for table in ROLLUPS}

    def sums(self) -> Found:
        """Return what must not depend on where batches were cut."""
        spans = "tenant, trace_id, span_id, counted, user_id, session_id, prompt_name, input_tokens, cost"
        found: Found = {
            "spans": self.read(f"SELECT sum(cityHash64({spans})) AS content, count() AS n FROM spans"),
            "tally": self.read("SELECT sum(accepted) AS a, sum(stored) AS s, sum(duplicate) AS d FROM batches"),
        }
        for table in ROLLUPS:
            found[table] = rolled(self, table)
        return found


def rolled(processed: Processed, table: str) -> list[dict[str, Any]]:
    """Return a rollup's rows, merged, without those that cancelled out."""
    columns = processed.read(f"DESCRIBE {table}")
    sums = [row for row in columns if "SimpleAggregateFunction(sum" in row["type"]]
    keys = [row["name"] for row in columns if "Aggregate" not in row["type"]]
    merged = ", ".join(
        f"mapFilter((k, v) -> v != 0, sumMap(r.{row['name']})) AS {row['name']}"
        if "sumMap" in row["type"]
        else f"sum(r.{row['name']}) AS {row['name']}"
        for row in sums
    )
    some = " OR ".join(f"notEmpty({row['name']})" if "sumMap" in row["type"] else f"{row['name']} != 0" for row in sums)
    by = ", ".join(keys)
    return processed.read(f"SELECT {by}, {merged} FROM {table} AS r GROUP BY {by} HAVING {some} ORDER BY {by}")


def _days(log: list[Incoming]) -> list[Any]:
    return sorted({(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=each.appended_at)).date() for each in log})


def restarts(folder: Path, seed: int, bounds: list[int], restart_before: list[int]) -> tuple[Found, Found]:
    """Write a log without and with restarts; return the content of all tables of both."""
    return _contents(folder / "live", seed, bounds, set()), _contents(folder / "again", seed, bounds, {*restart_before})


def _contents(folder: Path, seed: int, bounds: list[int], restart_before: set[int]) -> Found:
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        processed = Processed(folder, database, window=200)
        processed.write(cuts(with_decisions(messages(seed), seed), bounds), restart_before)
        return processed.tables()


def other_cuts(folder: Path, seed: int, bounds: list[int], window: int) -> tuple[Found, Found]:
    """Write a log in one batch and in many; return what must be the same."""
    found = []
    for name, places in (("one", []), ("many", bounds)):
        with EmbeddedDatabase.open(folder / name, CONFIG) as database:
            processed = Processed(folder / name, database, window)
            processed.write(cuts(with_decisions(messages(seed), seed), places), set())
            found.append(processed.sums())
    return found[0], found[1]


def rebuilt(folder: Path, seed: int, bounds: list[int]) -> tuple[Found, Found]:
    """Write a log that crosses midnight; return the rollups as they are, and from every day rebuilt."""
    log = messages(seed, step_ms=700_000)
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        processed = Processed(folder, database)
        processed.write(cuts(log, bounds), set())
        live = {table: rolled(processed, table) for table in ROLLUPS}
        again = {day: list(rebuilt_day(database, day, {SOURCE: log[-1].offset})) for day in _days(log)}
        for table in ROLLUPS:
            database.writer.command(f"TRUNCATE TABLE {table}")
        for table, rows in (each for found in again.values() for each in found):
            database.insert(table, rows)
        assert len(again) > 1
        return live, {table: rolled(processed, table) for table in ROLLUPS}


def tally(folder: Path, seed: int, bounds: list[int]) -> Found:
    """Return what became of the records of a log, and how many rows there are."""
    log = messages(seed)
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        processed = Processed(folder, database)
        processed.write(cuts(log, bounds), set())
        counts = processed.read(
            "SELECT signal, sum(accepted) AS accepted, sum(stored) AS stored, sum(duplicate) AS duplicate,"
            " sum(dead_lettered) AS dead_lettered, sum(filtered) AS filtered FROM batches GROUP BY signal"
        )
        rows = processed.read("SELECT count() AS n FROM span_rows")[0]["n"]
        seen = History(database, SOURCE)
        return {
            "batches": {row.pop("signal"): row for row in counts},
            "span_rows": rows,
            "seen": sum(len(table) for table in seen.seen(len(log), 1_000_000)),
        }
