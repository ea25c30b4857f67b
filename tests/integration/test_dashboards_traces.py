"""Traces as the API tells them, against what SQL says of the spans of the same running process."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hostile import ATTACKS, hostile_exports
from otlp.requests import PROTOBUF
from running import Running
from spanpulse_stream.traffic import corpus_requests
from spanpulse_stream.traffic.day import Day
from tracing import LONG, MANY, Cast

REQUESTS = 60
ORDERS = {
    "newest": ("max(end_time)", "1"),
    "slowest": ("max(duration_ns)", "duration_ns > 0"),
    "failed": ("max(end_time)", "status = 'error'"),
    "dearest": ("sum(cost)", "counted AND cost > 0"),
}


class Told:
    """A running process with data, and its API."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.cast = Cast()
        now = datetime.now(UTC)
        for export in Day(now, size=REQUESTS).past():
            self.send(export.signal, export.body)
        for signal, body in [*corpus_requests(now), *hostile_exports(now)]:
            self.send(signal, body)
        for body in self.cast.exports():
            self.send("traces", body)
        running.drain()
        self.settle()

    def settle(self) -> None:
        """Wait until the lists of traces have everything that is stored by now."""
        stored, deadline = datetime.now(UTC), time.monotonic() + 60
        while datetime.fromisoformat(self.api("", limit=1)["through"]) < stored:
            assert time.monotonic() < deadline

    def send(self, signal: str, body: bytes) -> None:
        answer = httpx.post(
            f"{self.running.otlp}/v1/{signal}", content=body, headers={"content-type": PROTOBUF}, timeout=30
        )
        answer.raise_for_status()

    def get(self, path: str, **query: Any) -> httpx.Response:
        return httpx.get(f"{self.running.web}{path}", params=query, timeout=30)

    def api(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.get(f"/api/v1/traces{path}", **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def pages(self, **query: Any) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        for _ in range(1000):
            page = self.api("", **query, **cursor)
            yield page
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}
        raise AssertionError("pages without end")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with Running(tmp_path_factory.mktemp("traces")) as running:
        yield Told(running)


def listed(told: Told, **query: Any) -> list[str]:
    return [trace["trace_id"] for page in told.pages(**query) for trace in page["traces"]]


@pytest.mark.parametrize("order", ORDERS)
def test_a_list_has_every_trace_once_in_its_order(told: Told, order: str) -> None:
    value, wanted = ORDERS[order]
    truth = told.running.sql(
        f"SELECT trace_id, {value} AS value FROM spans WHERE {wanted} GROUP BY tenant, trace_id"
        " ORDER BY value DESC, trace_id DESC"
    )
    found = listed(told, order=order, limit=40, range="7d")
    assert found == [row["trace_id"] for row in truth]


@pytest.mark.parametrize(
    "scope", [{"service": "many"}, {"model": "gpt-5"}, {"user": "long-winded"}, {"tenant": "nobody"}]
)
def test_a_filter_leaves_the_traces_with_a_span_that_matches(told: Told, scope: dict[str, str]) -> None:
    columns = {
        "service": "service_name",
        "model": "coalesce(response_model, request_model)",
        "user": "user_id",
        "tenant": "tenant",
    }
    ((name, value),) = scope.items()
    truth = told.running.sql(f"SELECT DISTINCT trace_id FROM spans WHERE {columns[name]} = '{value}'")
    assert sorted(listed(told, limit=50, range="7d", **scope)) == sorted(row["trace_id"] for row in truth)


def test_a_line_says_what_its_spans_say(told: Told) -> None:
    truth = {
        row.pop("trace_id"): row
        for row in told.running.sql(
            "SELECT trace_id, toInt64(count()) AS spans, toInt64(countIf(counted)) AS calls,"
            " sumOrNullIf(input_tokens, counted) AS input_tokens, sumOrNullIf(output_tokens, counted) AS output_tokens,"
            " toString(sumOrNullIf(cost, counted)) AS cost, toInt64(countIf(status = 'error')) AS errors,"
            " max(duration_ns) AS duration_ns FROM spans GROUP BY trace_id"
        )
    }
    for page in told.pages(limit=100, range="7d"):
        for trace in page["traces"]:
            expected = truth.pop(trace["trace_id"])
            cost = expected.pop("cost")
            assert {name: trace[name] for name in expected} == expected
            assert (trace["cost"] is None) == (cost is None)
            assert cost is None or Decimal(trace["cost"]) == Decimal(cost)
            assert trace["cost"] is not None or trace["cost_reason"]
    assert not truth


def test_pages_stay_while_data_arrives(told: Told) -> None:
    expected = listed(told, limit=30, range="7d")
    pages = told.pages(limit=30, range="7d")
    found = [trace["trace_id"] for trace in next(pages)["traces"]]
    told.settle()  # what arrives from here on is received after the first page
    later = Cast()
    for body in later.exports():
        told.send("traces", body)
    told.running.drain()
    told.settle()
    for page in pages:
        found += [trace["trace_id"] for trace in page["traces"]]
    assert found == expected
    assert later.many.hex() in listed(told, limit=100, range="7d")


def test_ten_thousand_spans_are_told_in_pages(told: Told) -> None:
    begun, offset, lines = time.monotonic(), 0, []
    path = f"/{told.cast.many.hex()}"
    while offset is not None:
        page = told.api(path, offset=offset, limit=2000)
        assert page["total"] == MANY == page["summary"]["spans"]
        lines += page["spans"]
        offset = page["next"]
    assert time.monotonic() - begun < 30
    assert len({line["span_id"] for line in lines}) == MANY
    seen = set()
    for line in lines:
        assert line["parent_span_id"] is None or line["parent_span_id"] in seen
        seen.add(line["span_id"])
    html = told.get(f"/traces/{told.cast.many.hex()}")
    assert html.status_code == 200
    assert html.text.count(' class="line kind-') == 300
    more = told.get(f"/traces/{told.cast.many.hex()}/lines", lines=9900)
    assert more.text.count(' class="line kind-') == 100
    assert "data-more" not in more.text


def test_a_megabyte_is_cut_and_had_whole(told: Told) -> None:
    path = f"/{told.cast.long.hex()}/spans/{1:016x}"
    detail = told.api(path)
    body = detail["input"][0]["parts"][0]["body"]
    assert body["cut"]
    assert len(body["text"]) < 10_000 < LONG < body["length"]
    whole = told.get(f"/api/v1/traces{path}/text", source=body["source"])
    assert whole.text == told.cast.text
    everything = json.loads(told.get(f"/api/v1/traces{path}/text", source="input").text)
    assert everything[0]["parts"][0]["content"] == told.cast.text
    assert told.get(f"/api/v1/traces{path}/text", source="output").status_code == 404
    page = told.get(f"/traces/{told.cast.long.hex()}")
    assert len(page.content) < 100_000
    assert f"{body['length']:,}" in page.text
    assert told.get(f"/api/v1/traces{path}/text", source="input.0.7").status_code == 404


def test_every_computed_cost_is_explained_to_the_last_digit(told: Told) -> None:
    rows = told.running.sql(
        "SELECT trace_id, span_id, toString(cost) AS cost FROM spans WHERE cost_confidence IN ('computed', 'estimated')"
        " ORDER BY emitter_name LIKE 'spanpulse%', cityHash64(span_id) LIMIT 50"
    )
    assert len(rows) == 50
    for row in rows:
        cost = told.api(f"/{row['trace_id']}/spans/{row['span_id']}")["cost"]
        parts = sum((Decimal(part["cost"]) for part in cost["parts"]), Decimal(cost["rounding"] or 0))
        assert cost["parts"]
        assert parts == Decimal(cost["cost"]) == Decimal(row["cost"])
        for part in cost["parts"]:
            assert Decimal(part["cost"]) == part["count"] * Decimal(part["price"]) / part["per"]


def test_a_call_that_does_not_count_says_which_span_does(told: Told) -> None:
    rows = told.running.sql("SELECT trace_id, span_id FROM spans WHERE NOT counted AND usage_status = 'reported'")
    assert rows
    named = 0
    for row in rows:
        detail = told.api(f"/{row['trace_id']}/spans/{row['span_id']}")
        assert detail["counted_by"]["reason"]
        if other := detail["counted_by"]["span_id"]:
            named += 1
            (found,) = told.running.sql(
                f"SELECT counted FROM spans WHERE trace_id = '{row['trace_id']}' AND span_id = '{other}'"
            )
            assert found["counted"]
    assert named


def test_texts_that_came_late_are_the_conversation(told: Told) -> None:
    (row, *_) = told.running.sql(
        "SELECT trace_id, span_id, input_text FROM spans WHERE input_messages IS NULL"
        " AND length(input_text) BETWEEN 1 AND 2000 ORDER BY span_id LIMIT 1"
    )
    detail = told.api(f"/{row['trace_id']}/spans/{row['span_id']}")
    said = [part["body"]["text"] for message in detail["input"] for part in message["parts"] if part["type"] == "text"]
    assert "\n".join(said) == row["input_text"]
    assert detail["late_texts"] in ("input", "both")


def test_completeness_is_judged_by_parents_and_time(told: Told) -> None:
    orphan = told.api(f"/{told.cast.orphan.hex()}")
    assert orphan["summary"]["completeness"]["state"] == "incomplete"
    assert orphan["summary"]["completeness"]["missing_parents"] == 1
    assert orphan["spans"][0]["problem"] == "missing_parent"
    later = Cast()
    for body in list(later.exports())[-1:]:
        told.send("traces", body)
    told.running.drain()
    assert told.api(f"/{later.fresh.hex()}")["summary"]["completeness"]["state"] == "arriving"
    assert told.api(f"/{told.cast.many.hex()}")["summary"]["completeness"]["state"] == "complete"


def test_the_search_understands_what_was_typed(told: Told) -> None:
    cast = told.cast
    for typed, kind, trace in [
        (cast.long.hex(), "trace", cast.long),
        (cast.long.hex().upper(), "trace", cast.long),
        ("long-winded", "user", cast.long),
        ("session:session-9", "session", cast.long),
        ("FindFailed", "error", cast.orphan),
        ("tool:find", "tool", cast.orphan),
        ("text:NEEDLE-in-a", "text", cast.long),
        ("needle-in-a-haystack 01234", "text", cast.long),
    ]:
        found = told.api("/search", q=typed)
        assert kind in found["kinds"], typed
        assert trace.hex() in [each["trace_id"] for each in found["traces"]], typed
    nothing = told.api("/search", q="text:'; DROP TABLE span_rows --")
    assert nothing["traces"] == []
    assert nothing["looked"]["complete"]


def test_a_search_that_stops_can_be_gone_on_with(told: Told) -> None:
    truth = told.running.one(
        "uniqExact(trace_id) FROM spans WHERE positionCaseInsensitiveUTF8(ifNull(input_messages, ''), 'assistant') > 0"
    )
    found, cursor = set(), {}
    while cursor is not None:
        page = told.api("/search", q="text:assistant", range="7d", **cursor)
        found |= {trace["trace_id"] for trace in page["traces"]}
        cursor = {"cursor": page["next"]} if page["next"] else None
    assert truth <= len(found)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/traces/0123", 422),
        ("/api/v1/traces/" + "0" * 32, 404),
        ("/api/v1/traces?cursor=nonsense", 422),
        ("/api/v1/traces?order=sideways", 422),
        ("/api/v1/traces?limit=100000", 422),
        ("/api/v1/traces/search?q=", 422),
        ("/api/v1/traces/search?q=x&cursor=y", 422),
        ("/traces?order=sideways", 422),
        ("/traces/xyz", 404),
        ("/traces/" + "0" * 32, 404),
        ("/traces?q=user:", 200),
    ],
)
def test_what_is_not_understood_is_said(told: Told, path: str, status: int) -> None:
    answer = httpx.get(f"{told.running.web}{path}", timeout=60)
    assert answer.status_code == status
    assert path.startswith("/traces?q") or "Traceback" not in answer.text


def test_a_trace_of_two_tenants_asks_which(tmp_path_factory: pytest.TempPathFactory) -> None:
    from hashlib import sha256  # noqa: PLC0415 -- of this test alone

    keys = {"acme": "a" * 40, "globex": "b" * 40}
    setting = ",".join(f"{tenant}:{sha256(key.encode()).hexdigest()}" for tenant, key in keys.items())
    cast = Cast()
    body = list(cast.exports())[-3]
    with Running(tmp_path_factory.mktemp("tenants"), {"SPANPULSE_API_KEYS": setting}) as running:
        for key in keys.values():
            headers = {"content-type": PROTOBUF, "authorization": f"Bearer {key}"}
            httpx.post(f"{running.otlp}/v1/traces", content=body, headers=headers).raise_for_status()
        running.drain()
        path = f"{running.web}/api/v1/traces/{cast.long.hex()}"
        asked = httpx.get(path)
        assert asked.status_code == 409
        assert "acme" in asked.text
        assert "globex" in asked.text
        for tenant in keys:
            assert httpx.get(path, params={"tenant": tenant}).json()["summary"]["tenant"] == tenant
        deadline = time.monotonic() + 60  # a list has what was received two seconds ago
        while len(both := httpx.get(f"{running.web}/api/v1/traces").json()["traces"]) < len(keys):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert sorted(trace["tenant"] for trace in both) == ["acme", "globex"]


def test_attacks_are_text(told: Told) -> None:
    rows = told.running.sql(
        "SELECT trace_id, span_id FROM spans WHERE service_name LIKE '%<%' OR name LIKE '%<%' LIMIT 40"
    )
    assert rows
    for row in rows:
        html = told.get(f"/traces/{row['trace_id']}", span=row["span_id"]).text
        for attack in ATTACKS:
            if "<" in attack:
                assert attack not in html
    assert json.dumps(rows)
