"""Decisions applied in the process of the database, without a server: what they leave, and what the page shows of it.

Each function is for `sinks_inside.a_process` and returns plain data.
"""

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditing import audited
from dashboards_serving import Given, asking, served
from deciding import SOURCE, decisions_message, targets_in
from erasing import stored as stored_for_erasing
from making_spans import CHAT, SECOND, request, span
from pipeline_running import START_MS, Processed, versions
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import BatchWriter, EmbeddedDatabase, workbench
from spanpulse_sinks.clickhouse._missing import committed_batches, missing_rows
from spanpulse_stream.day import date_of, day_of
from spanpulse_stream.decisions import Decisions
from spanpulse_stream.maintenance._erase import erase
from spanpulse_stream.pipeline import Incoming, PartitionSteps, Tools

Found = dict[str, Any]
CALLS = 3
TOKENS = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100, "gen_ai.provider.name": "openai"}
SUMS = "SELECT toInt64(sum(spans)) AS spans FROM rollup_service"
CALL_SUMS = "SELECT toInt64(sum(requests)) AS requests, toInt64(sum(input_tokens)) AS tokens FROM rollup_minute"
BATCHES = (
    "SELECT signal, tenant, accepted, stored, updates, decided, first_offset AS first FROM batches"
    " ORDER BY first_offset, signal"
)


def calls(offset: int, at: int, **more: Any) -> Incoming:
    """Return a message of some calls of one trace, each with a user of its own."""
    made = [
        span(
            {**CHAT, **TOKENS, "session.id": "s"} | more,
            span_id=bytes([*bytes(7), number + 1]),
            start_time_unix_nano=at * 10**6 - 2 * SECOND,
            end_time_unix_nano=at * 10**6 - SECOND,
        )
        for number in range(CALLS)
    ]
    return Incoming(offset, at, "acme", "traces", CALLS, request(*made, resource={"service.name": "shop"}))


def alone(folder: Path, window: int) -> Found:
    """Apply decisions that come in batches of their own, the same ones again after a restart, and some that are odd.

    A window of 1 has forgotten the spans by then.
    """
    now = time.time_ns() // 10**6 - 60_000
    first = calls(0, now)
    targets = list(targets_in(first))
    told = (
        replace(targets[0], dropped=True),
        replace(targets[1], discounted=True, reason="response_id"),
        replace(targets[2], user_id="late", reason="context"),
        replace(targets[2], ordinal=99, discounted=True),
    )
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database, workbench(database) as bench:
        processed = Processed(folder, database, window)
        processed.write([[first]], set())
        before = {**bench.rows(SUMS)[0], **bench.rows(CALL_SUMS)[0]}
        pending = processed.steps.compute([decisions_message(1, now, *told)], processed.versions)
        processed.steps.write(pending)
        again = [decisions_message(2, now, *told), decisions_message(3, now, *reversed(told))]
        processed.write([[each] for each in again], {1})
        as_json = Decisions(SOURCE, told).encode("otlp_json")
        processed.write([[Incoming(4, now, "default", "decisions", 0, as_json, "otlp_json")]], {0})
        odd = [
            decisions_message(5, now, *told, source=SOURCE + 1),
            Incoming(6, now, "default", "decisions", 0, b"no decisions"),
        ]
        processed.write([odd], set())
        starts = {SOURCE: 0}
        batches = committed_batches(database.writer, starts)
        return {
            "before": before,
            "after": {**bench.rows(SUMS)[0], **bench.rows(CALL_SUMS)[0]},
            "spans": processed.read("SELECT span_id, counted, user_id FROM spans ORDER BY span_id"),
            "batches": bench.rows(BATCHES),
            "told": dict(pending.computed.task.decisions),
            "letters": bench.rows("SELECT reason, log_offset FROM dead_letters ORDER BY log_offset"),
            "audit": list(audited(bench)),
            "missing": missing_rows(database.writer, batches, [], CONFIG.retention, date_of(day_of(now))),
            "page": asyncio.run(_page(database)),
        }


class Killed(BaseException):
    """The process ended."""


class UntilBatches:
    """Inserts as the database does, until the row that says that a batch is whole."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._inserts = database.inserts

    def insert(self, batch: Any, table: str, *rest: Any, **how: Any) -> Any:
        """Insert. Raises Killed for `batches`."""
        if table == "batches":
            raise Killed
        return self._inserts.insert(batch, table, *rest, **how)

    def recover(self, *rest: Any) -> Any:
        """Do as the database does."""
        return self._inserts.recover(*rest)


def half_written(folder: Path) -> Found:
    """Leave a batch of a decision half written, about a span that is out of the window, and lose its claim."""
    now = time.time_ns() // 10**6 - 60_000
    first = calls(0, now)
    (gone, also, _) = targets_in(first)
    told = decisions_message(1, now, replace(gone, dropped=True))
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database, workbench(database) as bench:
        processed = Processed(folder, database, 1)
        processed.write([[first]], set())
        batch = processed.steps.compute([told], processed.versions).computed.batch
        killed = BatchWriter(database, inserts=UntilBatches(database))  # type: ignore[arg-type]
        with contextlib.suppress(Killed):
            killed.write(batch)
        written = sorted(table for table, rows in batch.tables.items() if rows is not None and rows.num_rows)
        tools = Tools(database, BatchWriter(database), processed.books, lambda *_: None, 2, shared=True)
        steps = PartitionSteps(SOURCE, tools)
        reached = steps.landed(1)
        end = steps.unfinished(reached, None)
        later = decisions_message(2, now, replace(also, dropped=True))
        for range_ in ([told], [later]) if end == 2 else ([told, later],):  # as a worker would go on
            steps.write(steps.compute(range_, processed.versions))
        return {
            "written": written,
            "reached": reached,
            "end": end,
            "sums": {**processed.read(SUMS)[0], **processed.read(CALL_SUMS)[0]},
            "spans": processed.read("SELECT count() AS n FROM spans")[0]["n"],
            "audit": list(audited(bench)),
        }


def erased(folder: Path, window: int) -> Found:
    """Erase a user that only a decision gave to a call, and apply the decisions again."""
    with stored_for_erasing(folder, [("traces", calls(0, START_MS).value)]) as (context, processed):
        targets = list(targets_in(replace(calls(0, START_MS), tenant="default")))
        told = (
            replace(targets[0], user_id="somebody", reason="context"),
            replace(targets[1], dropped=True),
            replace(targets[2], discounted=True, reason="ancestor"),
        )
        processed.versions = versions(processed.books, window)
        processed.write([[decisions_message(1, START_MS, *told)]], {0})
        report = erase(context, {"user": "somebody"})
        rows = "SELECT countIf(user_id != '') AS users, countIf(key_low = 1) AS ids, count() AS n FROM seen"
        updates = "SELECT toInt64(count()) AS n, countIf(trace_id != '') AS ids FROM span_updates"
        before = processed.read(f"SELECT u.n, s.spans FROM ({updates}) AS u CROSS JOIN ({SUMS}) AS s")
        found = {"report": report, "seen": processed.read(rows)[0], "updates": processed.read(updates)[0]}
        processed.write([[decisions_message(2, START_MS, *told)]], {0})
        after = processed.read(f"SELECT u.n, s.spans FROM ({updates}) AS u CROSS JOIN ({SUMS}) AS s")
        with workbench(processed.database) as bench:
            return {**found, "same": before == after, "audit": list(audited(bench))}


async def _page(database: EmbeddedDatabase) -> Found:
    """Return what the page says of the one trace there is."""
    async with served(Given(database)) as part, asking(part) as client:

        async def get(path: str, **query: Any) -> Any:
            answer = await client.get(f"/api/v1/{path}", params={"range": "1h", **query})
            assert answer.status_code == 200, answer.text
            return answer.json()

        found: Found = {}
        for order in ("newest", "slowest", "dearest"):
            (found[order],) = (await get("traces", order=order))["traces"]
        found["whole"] = await get(f"traces/{found['newest']['trace_id']}")
        found["sessions"] = await get("breakdown", by="session")
        return found
