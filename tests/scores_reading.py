"""What the tests of scores do in the process of the database: late scores of calls, and sums from before a measure."""

import re
from pathlib import Path
from typing import Any

from sinks_batches import DAY
from sinks_process import CONFIG
from sinks_reading import one, rows
from spanpulse_sinks.clickhouse import EmbeddedDatabase, guest_query
from spanpulse_sinks.clickhouse._migrate import migrations

ROOT = Path(__file__).parents[1]
CALL = "log_source, log_offset, ordinal, received_at, tenant, trace_id, span_id, start_time, end_time, kind, counted"
TOLD = "response_id, request_model, response_model, provider, prompt_name, prompt_version, experiments"
SCORE = "log_source, log_offset, ordinal, received_at, time, tenant, evaluator, name, value"
IDS = "response_id, trace_id, span_id, request_model, prompt_name, prompt_version, experiments"
SCORED_AT = "2026-11-20 12:00:00"
SINCE, UNTIL = "2026-11-20 00:00:00", "2026-11-21 00:00:00"


def calls_and_scores(database: EmbeddedDatabase, calls: list[str], scores: list[str]) -> None:
    """Insert calls (ids and what they tell, ended at the time that leads them) and scores (ids and what they say)."""
    for place, call in enumerate(calls):
        ended, tenant, ids, kind, told = call.split("; ")
        place_and_times = f"1, {place}, 0, '{ended}', '{tenant}', {ids}, '{ended}', '{ended}', '{kind}'"
        database.control.command(f"INSERT INTO span_rows ({CALL}, {TOLD}) VALUES ({place_and_times}, true, {told})")
    for place, score in enumerate(scores):
        at, name, said = score.split("; ")
        place_and_times = f"2, {place}, 0, '{at}', '{at}', 'acme', 'person', '{name}', {place % 2}"
        database.control.command(f"INSERT INTO scores ({SCORE}, {IDS}) VALUES ({place_and_times}, {said})")


def by_call(folder: Path, calls: list[str], scores: list[str]) -> dict[str, list[Any]]:
    """Return name -> what the view tells of each score of the day."""
    shown = "name, model, provider, prompt_name, prompt_version, experiments, trace_id, span_id"
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        calls_and_scores(database, calls, scores)
        found = rows(database, f"SELECT {shown} FROM scores_by_call(since = '{SINCE}', until = '{UNTIL}')")
    return {row.pop("name"): list(row.values()) for row in found}


def documented(folder: Path, calls: list[str], scores: list[str]) -> list[str]:
    """Return what the queries on the page of the schema return, of scores named thumbs."""
    page = (ROOT / "docs/schema.md").read_text("utf-8")
    queries = re.findall(r"```sql\n(.*?)```", page.partition("## Scores by call")[2].partition("\n## ")[0], re.DOTALL)
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        calls_and_scores(database, calls, scores)
        return [guest_query(database, f"{each} ORDER BY ALL", output_format="CSV").decode() for each in queries]


def read_parts(folder: Path) -> dict[str, Any]:
    """Return how many granules the view reads of the spans to find one response among many."""
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        many = f"SELECT 1, number, 0, '{SCORED_AT}', 'acme', leftPad(hex(number), 32, '0'), hex(number), '{SCORED_AT}',"
        many += f" '{SCORED_AT}', 'llm', true, concat('id-', number), 'm' FROM numbers(200000)"
        database.control.command(f"INSERT INTO span_rows ({CALL}, response_id, request_model) {many}")
        calls_and_scores(database, [], [f"{SCORED_AT}; one; 'id-77', NULL, NULL, NULL, NULL, NULL, map()"])
        view = f"scores_by_call(since = '{SINCE}', until = '{UNTIL}')"
        plan = guest_query(database, f"EXPLAIN indexes = 1 SELECT model FROM {view}", output_format="TSVRaw").decode()
        found = re.findall(r"Name: by_(?:response|trace)\b.*?Granules: (\d+)/(\d+)", plan, re.DOTALL)
        return {"granules": found, "model": one(database, f"SELECT model FROM {view}")}


def counted_later(folder: Path) -> dict[str, Any]:
    """Sums of scores from before those above 0 were counted: how many it is taken to be, before and after a merge."""
    before = {"thumbs": "5, 3", "none": "2, 0", "down": "3, -3", "one": "1, 0.25", "large": "2, 90", "empty": "0, 0"}
    shown = (
        "SELECT groupArray((name, toInt64(n))) FROM (SELECT name, sum(positive) AS n FROM rollup_score GROUP BY name)"
    )
    with EmbeddedDatabase.open(folder, CONFIG) as database:
        command = database.control.command
        command("ALTER TABLE rollup_score DROP COLUMN positive")
        for name, sums in before.items():
            columns = "received_day, name, with_value, value_sum"
            command(f"INSERT INTO rollup_score ({columns}) VALUES ('{DAY}', '{name}', {sums})")
        for statement in next(each for each in migrations(CONFIG) if each.name == "scores_by_call").statements:
            command(statement)
        read = dict(one(database, shown))
        command("OPTIMIZE TABLE rollup_score FINAL")
        return {"read": read, "merged": dict(one(database, shown))}
