"""Days before a date go from every table that holds what people wrote; sums stay, and no start brings them back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from command_line import spanpulse
from otlp.requests import PROTOBUF, attributes, resource_spans, span, traces
from receiving import message, receive
from running import Running

TODAY = datetime.now(UTC).date()
OLD = [TODAY - timedelta(days=back) for back in (3, 2)]
RESOURCE = {"service.name": "shop", "service.instance.id": "one"}
SPANS = 5  # a day and tenant


def body(first: int, user: str) -> bytes:
    found = [span(first + number) for number in range(SPANS)]
    for each in found:
        told = {"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 3, "user.id": user, "session.id": "s"}
        each.attributes.extend(attributes(told))
    return traces(resource_spans(RESOURCE, found))


def rows(running: Running, table: str, where: str = "true") -> int:
    return int(running.one(f"toInt64(count()) FROM {table} WHERE {where}"))


def test_days_before_a_date_go_and_stay_away(tmp_path: Path) -> None:
    running = Running(tmp_path)
    for place, day in enumerate(OLD):
        parts = ((100 * place + 1, "default"), (100 * place + 11, "other"))
        receive(running.data, day, [message("traces", body(first, f"user {day}"), tenant) for first, tenant in parts])
    words = ("--yes", "--json", "--data", str(running.data))
    with running:
        running.drain()
        answer = httpx.post(
            f"{running.otlp}/v1/traces", content=body(1001, "today"), headers={"content-type": PROTOBUF}, timeout=30
        )
        answer.raise_for_status()
        running.drain()
        sums = running.one("toString(tuple(sum(requests), sum(cost))) FROM rollup_minute")
        one = spanpulse("erase", "--before", str(OLD[1]), "--tenant", "other", *words, folder=tmp_path)
        assert json.loads(one.out)["rows"]["span_rows"] == SPANS
        assert [rows(running, "span_rows", f"tenant = '{tenant}'") for tenant in ("default", "other")] == [15, 5]
        done = json.loads(spanpulse("erase", "--before", str(TODAY), *words, folder=tmp_path).out)
        assert done["rows"]["span_rows"] == 3 * SPANS
        assert (rows(running, "span_rows"), rows(running, "rollup_user", f"received_day < '{TODAY}'")) == (SPANS, 0)
        assert rows(running, "seen") == 5 * SPANS  # ids alone, for duplicates
        assert rows(running, "seen", f"toDate(received_at) < '{TODAY}' AND (user_id, session_id) != ('', '')") == 0
        assert running.one("toString(tuple(sum(requests), sum(cost))) FROM rollup_minute") == sums
        assert {row["reason"] for row in running.status()["removed_days"]} == {"erased"}
        audited = spanpulse("audit", "--data", str(running.data), folder=tmp_path)
        assert audited.code == 0, audited.out + audited.err
    with running:
        assert "repaired" not in running.output
        assert rows(running, "span_rows") == SPANS
        assert running.status()["completeness"]["unaccounted"] == 0
        assert running.one("toString(tuple(sum(requests), sum(cost))) FROM rollup_minute") == sums
