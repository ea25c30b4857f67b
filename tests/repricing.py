"""Repricings in the process of the database: stated costs, what is left of those that end early, what comes back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from correcting import corrected_messages
from deciding import with_decisions
from making_spans import request, span
from operating import ALL, context_of
from pipeline_running import START_MS, Processed, cuts
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase, workbench
from spanpulse_stream.maintenance import Context, _reprice
from spanpulse_stream.maintenance._audit import audit
from spanpulse_stream.maintenance._reprice import mark_interrupted, reprice, resume_reprice
from spanpulse_stream.maintenance._reprice_journal import Journal
from spanpulse_stream.operations import MaintenanceError, Progress, Stopped
from spanpulse_stream.pipeline import Incoming

Found = dict[str, Any]
OWN = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "own", "gen_ai.usage.input_tokens": 1000}
PRICED = "prices:\n  - match: {equals: own}\n    input: 7\n"
COSTS = "SELECT toString(cost) AS cost, cost_confidence AS how, price_version AS version FROM span_rows"


@contextmanager
def opened(folder: Path, log: list[Incoming], bounds: list[int]) -> Iterator[tuple[Processed, Path]]:
    """Open a database with a log; yield it and the path of a price file that says nothing."""
    prices = folder / "prices.yaml"
    prices.write_text("prices: []\n")
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database:
        processed = Processed(folder, database)
        processed.write(cuts(log, bounds), set())
        yield processed, prices


def of_stated_costs(folder: Path) -> Found:
    """Price calls of which one states its cost, once the book knows their model, and again when it does not."""
    spans = [OWN | {"gen_ai.usage.cost": 0.5}, OWN]
    when = {"start_time_unix_nano": (START_MS - 2_000) * 10**6, "end_time_unix_nano": (START_MS - 1_000) * 10**6}
    made = request(*(span(each, span_id=f"spanid_{place}".encode(), **when) for place, each in enumerate(spans)))
    found: Found = {}
    with opened(folder, [Incoming(0, START_MS, "default", "traces", 2, made)], []) as (processed, prices):
        context = context_of(folder, processed, prices)
        for moment, text in (("arrival", None), ("known", PRICED), ("unknown", "prices: []\n"), ("again", PRICED)):
            if text is not None:
                prices.write_text(text)
                tried = reprice(context, {**ALL, "model": "own", "dry_run": True})["total"]
                assert reprice(context, {**ALL, "model": "own"})["total"] == tried
            rows = processed.read(f"{COSTS} ORDER BY ordinal")
            found[moment] = [(row["cost"], row["how"]) for row in rows]
        return {**found, "audit": audit(context, ALL)["findings"]}


def ended_early(folder: Path) -> Found:
    """Reprice without room, stop at once, stop after the first day; start again under other prices."""
    _reprice.GROUP_BYTES = 0  # each day is a group
    dear = "prices:\n  - match: {equals: gpt-5}\n    input: 70\n    output: 70\n"
    asked = {**ALL, "model": "gpt-5"}
    with opened(folder, with_decisions(corrected_messages(1, traces=20), 1), [40]) as (processed, prices):
        prices.write_text(dear)
        context = context_of(folder, processed, prices)
        journal, found = Journal.of(context), {}
        found["no room"] = (failure(context_of(folder, processed, prices, 1 << 60), asked), journal.under_way())
        context.stopping.set()
        found["at once"] = (failure(context, asked), journal.under_way())
        context.stopping.clear()
        found["late"] = failure(replace(context, report=stop_at(context, journal, "2026-11-21")), asked)
        context.stopping.clear()
        found["version"] = (journal.under_way() or {}).get("version")
        found["other"] = failure(context, {**asked, "model": "gpt-4o-mini"})
        prices.write_text("prices: []\n")
        mark_interrupted(context)
        resume_reprice(context)
        found["left"] = journal.under_way()
        exact = "ifNull(input_tokens, 0) * 70 / 1e6 + ifNull(output_tokens, 0) * 70 / 1e6"
        with workbench(processed.database) as bench:
            (row,) = bench.rows(
                "SELECT toInt64(count()) AS n, uniqExact(price_version) AS versions, any(price_version) AS version"
                f" FROM span_rows WHERE request_model = 'gpt-5' AND abs(toFloat64(cost) - ({exact})) < 1e-9"
            )
        return {**found, "priced": row, "audit": audit(context, ALL)["findings"]}


def brought_back(folder: Path) -> Found:
    """Reprice one model, then another; give the first the version of the other, as if it came back from the log."""
    with opened(folder, corrected_messages(1, traces=12), []) as (processed, prices):
        context = context_of(folder, processed, prices)
        for number, model in enumerate(("gpt-5", "claude-sonnet-4-5", "claude-sonnet-4-5", "gpt-5")):
            prices.write_text(f"prices:\n  - match: {{equals: {model}}}\n    input: {50 + number % 3}\n")
            reprice(context, {**ALL, "model": model})
            if number == 1:
                reprice(context, {**ALL, "model": model})
        done = [(each.model, each.version) for each in Journal.of(context).done()]
        processed.database.writer.command(
            f"ALTER TABLE span_rows UPDATE price_version = '{done[-1][1]}' WHERE isNotNull(cost)"
            " SETTINGS mutations_sync = 1"
        )
        resume_reprice(context)
        rows = processed.read(
            "SELECT DISTINCT request_model AS model, price_version AS version FROM span_rows WHERE isNotNull(cost)"
        )
        return {"done": done, "found": {row["model"]: row["version"] for row in rows}}


def failure(context: Context, asked: Mapping[str, Any]) -> str:
    with suppress(Stopped):
        try:
            reprice(context, asked)
        except MaintenanceError as error:
            return str(error)
        return ""
    return "stopped"


def stop_at(context: Context, journal: Journal, day: str) -> Any:
    """Return a report that stops the operation when it comes to a day, once it has begun."""

    def report(progress: Progress) -> None:
        if day in progress.text and journal.under_way() is not None:
            context.stopping.set()

    return report
