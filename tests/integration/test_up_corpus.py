"""Every export of the corpus over HTTP into a running process: whole, twice, cut into pieces and killed."""

import base64
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from genai_prices import Usage, calc_price
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from calls import COLUMNS, Call, call_of
from corpus_calls import WITH_LOGS as CORPUS
from normalising import one_record_requests, one_span_requests
from otlp.requests import PROTOBUF
from running import Running

ORDERS = 6
AT_ONCE = 5
PROVIDERS = {"gcp.gemini": "google", "gcp.gen_ai": "google", "gcp.vertex_ai": "google"}

Request = tuple[str, bytes]


@dataclass(frozen=True)
class Scenario:
    """One scenario of one file: its exports and the traces in them."""

    file: str
    name: str
    requests: list[Request]
    traces: frozenset[str]


def scenarios() -> list[Scenario]:
    found = []
    for path in sorted(CORPUS.path.glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            bodies = {signal: [base64.b64decode(body) for body in line[signal]] for signal in ("traces", "logs")}
            ids = frozenset(
                span.trace_id.hex()
                for body in bodies["traces"]
                for group in ExportTraceServiceRequest.FromString(body).resource_spans
                for scope in group.scope_spans
                for span in scope.spans
            )
            requests = [(signal, body) for signal, own in bodies.items() for body in own]
            found.append(Scenario(path.stem, line["scenario"], requests, ids))
    return found


SCENARIOS = scenarios()


def post(client: httpx.Client, running: Running, request: Request, tenant: str) -> None:
    signal, body = request
    headers = {"content-type": PROTOBUF, "authorization": f"Bearer key-of-{tenant}"}
    client.post(f"{running.otlp}/v1/{signal}", content=body, headers=headers).raise_for_status()


def keys(tenants: list[str]) -> dict[str, str]:
    hashes = {tenant: hashlib.sha256(f"key-of-{tenant}".encode()).hexdigest() for tenant in tenants}
    return {"SPANPULSE_API_KEYS": ",".join(f"{tenant}:{digest}" for tenant, digest in hashes.items())}


def calls_by_trace(running: Running, tenant: str) -> dict[str, list[Call]]:
    """Return the calls that count, as the view of spans shows them."""
    columns = ", ".join(f"toInt64({name}) AS {name}" if name in ("counted", "stream") else name for name in COLUMNS)
    more = "toString(cost) AS cost, toUnixTimestamp64Nano(start_time) AS start, cost_confidence, service_tier"
    rows = running.sql(f"SELECT trace_id, {columns}, {more} FROM spans WHERE tenant = '{tenant}' AND counted")
    found: dict[str, list[Call]] = defaultdict(list)
    for row in rows:
        found[row["trace_id"]].append({**row, **call_of(row)})
    return found


def check(running: Running, tenant: str) -> int:
    """Hold every scenario against what happened; return how many calls were compared."""
    found, compared = calls_by_trace(running, tenant), 0
    for scenario in SCENARIOS:
        calls = [call for trace in scenario.traces for call in found[trace]]
        CORPUS.check(scenario.file, scenario.name, calls)
        for call in calls:
            assert call["cost"] == cost_of(call), (scenario.file, scenario.name, call)
        compared += len(calls)
    assert compared == sum(map(len, found.values()))
    return compared


def cost_of(call: Call) -> str | None:
    """Return what genai-prices says of the visible tokens, in the database's notation; None without price or usage."""
    if call["usage_status"] != "reported":
        return None
    usage = Usage(
        input_tokens=call["input_tokens"] or 0,
        output_tokens=call["output_tokens"] or 0,
        cache_read_tokens=call["cache_read_tokens"] or 0,
        cache_write_tokens=call["cache_write_tokens"] or 0,
    )
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(call["start"]) // 1000)
    provider = PROVIDERS.get(call["provider"], call["provider"])
    for model in (call["response_model"], call["request_model"]):
        for known in (provider, None):
            try:
                with localcontext(prec=60):
                    price = calc_price(usage, model or "", provider_id=known, genai_request_timestamp=moment)
                    exact = Decimal(price.total_price).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
            except LookupError:
                continue
            return format(exact.normalize(), "f")
    return None


def sums(running: Running) -> list[dict[str, Any]]:
    """Return what must not change when everything comes twice."""
    return [
        running.sql("SELECT toInt64(count()) AS spans, toString(sum(cost)) AS cost FROM span_rows")[0],
        running.sql("SELECT toInt64(count()) AS texts FROM span_texts")[0],
        running.sql(
            "SELECT toInt64(sum(requests)) AS requests, toInt64(sum(input_tokens)) AS input,"
            " toInt64(sum(output_tokens)) AS output, toString(sum(cost)) AS cost FROM rollup_minute"
        )[0],
        running.sql("SELECT toInt64(sum(spans)) AS spans FROM rollup_service")[0],
    ]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as made:
        yield made


def test_every_export_gives_the_calls_that_happened_and_none_the_second_time(
    tmp_path: Path, client: httpx.Client
) -> None:
    with Running(tmp_path, keys(["default"])) as running:
        for scenario in SCENARIOS:
            for request in scenario.requests:
                post(client, running, request, "default")
        assert running.drain()["completeness"]["unaccounted"] == 0
        assert check(running, "default") > 150
        once = sums(running)
        for scenario in SCENARIOS:
            for request in scenario.requests:
                post(client, running, request, "default")
        counts = running.drain()["completeness"]
        assert sums(running) == once
        assert check(running, "default") > 150
        assert (counts["duplicate"], counts["unaccounted"]) == (counts["stored"], 0)
        assert counts["dead_lettered"] == 0


@pytest.mark.slow
def test_cut_into_single_records_in_any_order_with_a_kill_it_is_the_same(tmp_path: Path) -> None:
    tenants = [f"order-{number}" for number in range(ORDERS)]
    cut = [request for scenario in SCENARIOS for request in in_pieces(scenario.requests)]
    running = Running(tmp_path, keys(tenants)).start()
    try:
        orders = {tenant: order(cut, number) for number, tenant in enumerate(tenants)}
        half = len(cut) // 2
        send_all(running, {tenant: requests[:half] for tenant, requests in orders.items()})
        running.kill()
        running.start()
        send_all(running, {tenant: requests[half:] for tenant, requests in orders.items()})
        assert running.drain()["completeness"]["unaccounted"] == 0
        assert {check(running, tenant) for tenant in tenants} == {check(running, tenants[0])}
        for tenant in tenants:
            of_spans = f"toString(sum(cost)) FROM spans WHERE counted AND tenant = '{tenant}'"
            of_rollup = f"toString(sum(r.cost)) FROM rollup_minute AS r WHERE tenant = '{tenant}'"
            assert running.one(of_spans) == running.one(of_rollup)
    finally:
        running.kill()


def send_all(running: Running, orders: dict[str, list[Request]]) -> None:
    """Send each tenant's requests in their order, some tenants at a time."""

    def send(tenant: str) -> None:
        with httpx.Client(timeout=60) as client:
            for request in orders[tenant]:
                post(client, running, request, tenant)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(send, orders))


def in_pieces(requests: list[Request]) -> Iterator[Request]:
    """Yield requests of one span or one log record each."""
    for signal, body in requests:
        cut = one_span_requests if signal == "traces" else one_record_requests
        for piece in cut([body]):
            yield signal, piece


def order(requests: list[Request], number: int) -> list[Request]:
    """Return the requests shuffled: at first logs before spans, then spans before logs, then mixed."""
    mixed = list(requests)
    random.Random(number).shuffle(mixed)
    if number < 2:
        mixed.sort(key=lambda request: request[0], reverse=bool(number))
    return mixed
