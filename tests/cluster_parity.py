"""What a database holds, less where and when it was received: to hold a cluster against one process.

Rows become hashes, so that 100,000 of them are quickly compared, and texts only of those that differ. Left out are the
places of the log (source, offset, the place in a message, since gateways cut and pack messages), the times of receipt
and, with them, how rollups lie in days of receipt: they are summed over all days. Spans are compared in their newest
state: whether a correction came in the batch of its span or in a later one is a matter of time.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import httpx

from clickhouse_running import ClickHouse
from cluster_running import Cluster
from kafka_running import Kafka
from normalising import one_record_requests, one_span_requests
from oracle import corpus_bodies
from otlp.requests import resource_spans, span, traces
from running import Running
from spanpulse_stream.pipeline import ROLLUPS
from spanpulse_stream.traffic import LoadGenerator, corpus_requests
from spanpulse_stream.traffic.day import Day

__all__ = ["ROLLUPS", "TABLES", "Holding", "Pair", "accounts", "both", "differences"]

Request = tuple[Literal["traces", "logs"], bytes]

WORKERS = 2
PLACES = {"log_source", "log_offset", "ordinal", "received_at", "received_day", "applied"}
PLACES |= {"target_log_offset", "target_ordinal", "target_received_at"}
TABLES = ("spans", "span_texts", "scores", "dead_letters")
COUNTS = ("accepted", "stored", "duplicate", "dead_lettered", "filtered")
TWICE_EVERY = 7
SLICES = 8  # a query of an operator may take 256 MiB
MOST_SHOWN = 5
AGGREGATE = "SimpleAggregateFunction("
PROTOBUF = {"content-type": "application/x-protobuf"}
USER = re.compile(rb"user-\d\d(?=\d\d)")


class Holding(Protocol):
    """What has a database: one process, or a cluster."""

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""


def traffic(until: datetime, *, generated: int, day: int, seed: int = 1) -> Iterator[Request]:
    """Yield the whole corpus, ``generated`` requests of 512 spans, and a generated day of ``day`` requests.

    The corpus comes as if it had happened now, some requests twice, and as it was recorded, record by record in any
    order, so that what belongs together comes in several batches. One span cannot be taken.

    The generator's 10,000 users become 100: a partition admits 2,000 values of a dimension, so that above it what is
    rolled up as ``__other__`` depends on the number of partitions.
    """
    yield from _pieces(seed)
    for number, request in enumerate(corpus_requests(until)):
        yield request
        if number % TWICE_EVERY == 0:
            yield request
    yield "traces", traces(resource_spans({"service.name": "shop"}, [span(1), span(0), span(2)]))
    load, now = LoadGenerator(seed), int(until.timestamp()) * 10**9
    for _ in range(generated):
        yield "traces", USER.sub(b"user-00", load.request(now))
    for export in Day(until, seed=seed, size=day).past():
        yield export.signal, export.body


def _pieces(seed: int) -> list[Request]:
    """Return the recorded corpus record by record, in any order that is the same each time."""
    spans = one_span_requests([body for _, body in corpus_bodies("traces")])
    records = one_record_requests([body for _, body in corpus_bodies("logs")])
    pieces: list[Request] = [*(("traces", piece) for piece in spans), *(("logs", piece) for piece in records)]
    random.Random(seed).shuffle(pieces)
    return pieces


def send(address: str, requests: Iterable[Request]) -> int:
    """Send requests one after the other; returns how many. The order is the same everywhere, and so is what follows."""
    number = 0
    with httpx.Client(base_url=address, timeout=60) as client:
        for signal, body in requests:
            answer = client.post(f"/v1/{signal}", content=body, headers=PROTOBUF)
            assert answer.status_code == httpx.codes.OK, (answer.status_code, answer.text)
            number += 1
    return number


class Pair(NamedTuple):
    """One process and a cluster that were sent the same; ``requests`` of them."""

    one: Running
    cluster: Cluster
    requests: int


@contextmanager
def both(folder: Path, kafka: Kafka, clickhouse: ClickHouse, *, generated: int, day: int) -> Iterator[Pair]:
    """Send the same to `spanpulse up` and to a cluster, and wait until both have stored it."""
    until = datetime.now(UTC).replace(microsecond=0)
    prices = folder / "prices.yaml"
    prices.write_text(Day(until, size=day).prices, "utf-8")
    environ = {"SPANPULSE_PRICES": str(prices)}
    alone = folder / "alone"
    alone.mkdir()
    with Cluster(folder, kafka, clickhouse, environ) as cluster, Running(alone, environ) as one:
        cluster.init()
        gateway, *workers = [cluster.role(kind) for kind in ("gateway", *["worker"] * WORKERS)]
        for role in (gateway, *workers):
            role.start(wait=False)
        for role in (gateway, *workers):
            role.wait_ready()
        sent = {send(address, traffic(until, generated=generated, day=day)) for address in (one.otlp, gateway.otlp)}
        one.drain()
        cluster.drain()
        yield Pair(one, cluster, sent.pop())


def accounts(holding: Holding) -> dict[tuple[str, str], dict[str, int]]:
    """Return what became of records, by tenant and signal."""
    sums = ", ".join(f"toInt64(sum({name})) AS {name}" for name in COUNTS)
    rows = holding.sql(f"SELECT tenant, signal, {sums} FROM batches GROUP BY tenant, signal ORDER BY tenant, signal")
    return {(row.pop("tenant"), row.pop("signal")): row for row in rows}


def differences(one: Holding, other: Holding, tables: Iterable[str] = (*TABLES, *ROLLUPS)) -> list[str]:
    """Return what two databases do not hold alike, a line each; the first few of each table."""
    found = []
    for table in tables:
        read = _sums if table in ROLLUPS else _rows
        found += _compared(table, read(one, table), read(other, table), one, other)
    for name, left in _admitted(one).items():
        if left != (right := _admitted(other).get(name, set())):
            found.append(f"dimension_values {name}: {sorted(left ^ right)[:MOST_SHOWN]} are on one side only")
    if accounts(one) != accounts(other):
        found.append(f"batches: {accounts(one)} and {accounts(other)}")
    return found


class Hashes(NamedTuple):
    """How often each row is there, by its key and hash; the query of whole rows, and their key in it."""

    rows: Counter[str]
    query: str
    key: str


def _rows(holding: Holding, table: str) -> Hashes:
    names = [name for name, _ in _columns(holding, table) if name not in PLACES]
    keys = [name for name in ("tenant", "trace_id", "span_id") if name in names]
    return _hashed(holding, f"SELECT {', '.join(f'`{name}`' for name in names)} FROM {table}", keys)


def _sums(holding: Holding, table: str) -> Hashes:
    """Return a rollup's rows summed up by their dimensions, every measure and sketch.

    A correction takes away what an earlier batch has counted: what is 0 in the end is as good as absent.
    """
    columns = [(name, kind) for name, kind in _columns(holding, table) if name not in PLACES]
    keys = [name for name, kind in columns if not kind.startswith(AGGREGATE)]
    sums = {name: _sum(name, kind) for name, kind in columns if name not in keys}
    listed = ", ".join([*keys, *(f"{term} AS `{name}`" for name, term in sums.items())])
    query = f"SELECT {listed} FROM {table} AS r GROUP BY {', '.join(keys)}"
    measures = ", ".join(f"`{name}`" for name in sums)
    nothing = ", ".join(f"defaultValueOfArgumentType(`{name}`)" for name in sums)
    return _hashed(holding, f"SELECT * FROM ({query}) WHERE ({measures}) != ({nothing})", keys)


def _sum(name: str, kind: str) -> str:
    function = kind.removeprefix(AGGREGATE).partition(",")[0]
    total = f"{function}(r.`{name}`)"
    return f"mapFilter((k, v) -> v != 0, {total})" if function == "sumMap" else total


def _hashed(holding: Holding, query: str, keys: list[str]) -> Hashes:
    found: Counter[str] = Counter()
    shown = f"toJSONString(({', '.join(keys)}))"
    for part in range(SLICES):
        rows = holding.sql(
            f"SELECT {shown} AS key, toString(sipHash64(toString(tuple(*)))) AS hash, toInt32(count()) AS n"
            f" FROM ({query}) WHERE sipHash64({shown}) % {SLICES} = {part} GROUP BY key, hash"
        )
        found.update({f"{row['key']} {row['hash']}": row["n"] for row in rows})
    return Hashes(found, query, shown)


def _compared(table: str, left: Hashes, right: Hashes, one: Holding, other: Holding) -> list[str]:
    missing, more = left.rows - right.rows, right.rows - left.rows
    if not missing and not more:
        return []
    keys = sorted({line.rpartition(" ")[0] for line in (*missing, *more)})
    lines = [f"{table}: {missing.total()} and {more.total()} rows of {left.rows.total()} are on one side only"]
    shown = (f"  {key}: {_shown(_row(one, left, key), _row(other, right, key))}" for key in keys[:MOST_SHOWN])
    return [*lines, *shown]


def _row(holding: Holding, of: Hashes, key: str) -> list[dict[str, Any]]:
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    return holding.sql(f"SELECT * FROM ({of.query}) WHERE {of.key} = '{quoted}' LIMIT 3")


def _shown(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> str:
    if len(left) == len(right) == 1:
        return json.dumps({name: (value, right[0][name]) for name, value in left[0].items() if value != right[0][name]})
    return f"{len(left)} and {len(right)} rows: {json.dumps((left or right)[0])[:600]}"


def _admitted(holding: Holding) -> dict[str, set[str]]:
    rows = holding.sql("SELECT tenant, dimension, groupUniqArray(value) AS found FROM dimension_values GROUP BY 1, 2")
    return {f"{row['tenant']}/{row['dimension']}": set(row["found"]) for row in rows}


def _columns(holding: Holding, table: str) -> list[tuple[str, str]]:
    rows = holding.sql(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase()"
        f" AND table = '{table}' ORDER BY position"
    )
    assert rows, f"no columns of {table}"
    return [(row["name"], row["type"]) for row in rows]
