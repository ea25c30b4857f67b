"""Tokens that only an agent's span has: they cost nothing, and the query of the documentation finds them."""

import re
import time
from pathlib import Path
from typing import Any

import httpx

from making_spans import CHAT, SECOND, request, span
from otlp.requests import PROTOBUF
from running import Running

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.md"
USAGE = {"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 10}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.request.model": "gpt-5"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}


def trace(number: int, *spans: dict[str, Any]) -> bytes:
    """Return an export of one trace; every span but the first is a child of the first."""
    now = time.time_ns()
    ids = {
        "trace_id": number.to_bytes(16, "big"),
        "start_time_unix_nano": now - SECOND,
        "end_time_unix_nano": now,
    }
    root, *below = [place.to_bytes(8, "big") for place in range(1, len(spans) + 1)]
    made = [span(spans[0], **ids, span_id=root, name="root")]
    made += [span(each, **ids, span_id=own, parent_span_id=root) for own, each in zip(below, spans[1:], strict=True)]
    return request(*made, resource={"service.name": "planning"})


def test_sums_without_counted_calls_are_found(tmp_path: Path) -> None:
    exports = [
        trace(1, AGENT | USAGE),
        trace(2, AGENT | USAGE, CHAT | USAGE),
        trace(3, AGENT, TOOL | USAGE, CHAT),
        trace(4, AGENT, CHAT | USAGE),
    ]
    with Running(tmp_path) as running, httpx.Client(timeout=60) as client:
        for body in exports:
            client.post(
                f"{running.otlp}/v1/traces", content=body, headers={"content-type": PROTOBUF}
            ).raise_for_status()
        assert running.drain()["completeness"]["unaccounted"] == 0
        (query,) = re.findall(r"```sql\n(SELECT trace_id, any.*?)```", SCHEMA.read_text("utf-8"), re.DOTALL)
        found = {int(row["trace_id"], 16): (row["service"], set(row["spans"])) for row in running.sql(query)}
        assert found == {1: ("planning", {"root"}), 3: ("planning", {"root", "call"})}
        assert running.one("toInt64(sum(input_tokens)) FROM rollup_minute") == 1800
        sums = running.sql("SELECT cost_confidence, counted, input_tokens FROM spans WHERE usage_status = 'aggregate'")
        assert [list(row.values()) for row in sums] == [[None, False, None]] * 3
