"""A naive model of the rollups: one Python dictionary, one span after the other, Decimal money, plain integers."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from builders import Span
from spanpulse_stream.rollup import buckets_of

SCALE = Decimal(10) ** -12
LAST = 2**32 // 900 * 900  # the last quarter of an hour that a DateTime can tell


@dataclass
class Measures:
    """Sums by name (integers and Decimals) and maps by name, zeros left out."""

    sums: Counter[str] = field(default_factory=Counter)
    maps: dict[str, Counter[Any]] = field(default_factory=lambda: defaultdict(Counter))

    def plain(self) -> dict[str, Any]:
        maps = {name: {key: count for key, count in found.items() if count} for name, found in self.maps.items()}
        return {name: value for name, value in {**self.sums, **maps}.items() if value}


def model(spans: Iterable[tuple[Span, int]]) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """Return table -> key -> measures that are not zero, of spans with their sign."""
    tables: dict[str, dict[tuple[Any, ...], Measures]] = defaultdict(lambda: defaultdict(Measures))
    for span, sign in spans:
        minute, quarter = (min(span.end // (length * 10**9) * length, LAST) for length in (60, 900))
        place = (span.tenant, span.service_name or "", span.environment or "")
        service = tables["rollup_service"][minute, *place, span.kind, span.name]
        _add_service(service, span, sign)
        if not span.counted:
            continue
        call = (
            span.operation or "", span.provider or "", span.response_model or span.request_model or "",
            span.prompt_name or "", span.prompt_version or "",
        )  # fmt: skip
        _add_call(tables["rollup_minute"][minute, *place, *call], span, sign)
        _add_call(tables["rollup_quarter"][quarter, *place, *call], span, sign)
        for name, variant in span.experiments.items():
            _add_call(tables["rollup_experiment"][minute, span.tenant, name, variant, *place[1:], *call], span, sign)
        if span.user_id:
            _add_call(tables["rollup_user"][quarter, span.tenant, span.user_id], span, sign)
    plain = {
        table: {key: measures.plain() for key, measures in rows.items() if measures.plain()}
        for table, rows in tables.items()
    }
    return {table: rows for table, rows in plain.items() if rows}


def read(tables: dict[str, pa.RecordBatch]) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """Return the same of what `roll_up` made."""
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for table, batch in tables.items():
        if table == "dimension_values" or not batch.num_rows:
            continue
        times = [name for name in ("minute", "quarter") if name in batch.schema.names]
        first = (
            13
            if table == "rollup_experiment"
            else {"rollup_minute": 11, "rollup_quarter": 11, "rollup_user": 5}.get(table, 8)
        )
        rows = found[table] = {}
        plain = batch.set_column(2, times[0], batch[times[0]].cast(pa.int64()))
        for row in plain.to_pylist():
            key = tuple(row[name] for name in plain.schema.names[2:first])
            assert key not in rows or table == "rollup_quarter", "a key occurs twice"
            measures = {name: row[name] for name in plain.schema.names[first:]}
            measures = {name: dict(value) if isinstance(value, list) else value for name, value in measures.items()}
            kept = {name: value for name, value in measures.items() if value}
            rows[key] = _sum(rows[key], kept) if key in rows else kept
    return found


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Add up measures as the database merges rows of one key."""
    total = Measures()
    for name, value in (*one.items(), *other.items()):
        if isinstance(value, dict):
            for key, count in value.items():
                total.maps[name][key] += count
        else:
            total.sums[name] += value
    return total.plain()


def _add_service(into: Measures, span: Span, sign: int) -> None:
    into.sums.update({"spans": sign, "weighted_spans": sign * span.weight, "errors": sign * _failed(span)})
    if _failed(span):
        into.maps["errors_by_type"][span.error_type or "_OTHER"] += sign
    _latency(into, "latency", _duration(span), sign * span.weight)


def _add_call(into: Measures, span: Span, sign: int) -> None:
    weight, failed = sign * span.weight, _failed(span)
    cost = (span.cost or 0) * SCALE
    known = span.usage_status in {"reported", "estimated"}
    into.sums.update({
        "requests": sign, "weighted_requests": weight, "errors": sign * failed, "weighted_errors": weight * failed,
        "input_tokens": sign * (span.input_tokens or 0), "output_tokens": sign * (span.output_tokens or 0),
        "cache_read_tokens": sign * (span.cache_read_tokens or 0),
        "cache_write_tokens": sign * (span.cache_write_tokens or 0),
        "reasoning_tokens": sign * (span.reasoning_tokens or 0),
        "weighted_input_tokens": weight * (span.input_tokens or 0),
        "weighted_output_tokens": weight * (span.output_tokens or 0),
        "cost": sign * cost, "weighted_cost": weight * cost,
        "requests_usage_missing": sign * (not known), "requests_unpriced": sign * (known and span.cost is None),
        "weighted_requests_usage_missing": weight * (not known),
        "weighted_requests_unpriced": weight * (known and span.cost is None),
    })  # fmt: skip
    if span.cost_confidence in {"provider", "computed", "estimated"}:
        into.sums[f"cost_{span.cost_confidence}"] += sign * cost
    if failed:
        into.maps["errors_by_type"][span.error_type or "_OTHER"] += sign
    duration, first, tokens = _duration(span), span.time_to_first_token_ns, span.output_tokens
    _latency(into, "latency", duration, weight)
    _latency(into, "time_to_first_token", first, weight)
    if duration is not None and first is not None and tokens is not None and tokens > 1 and duration >= first:
        _latency(into, "time_per_output_token", (duration - first) // (tokens - 1), weight)


def _latency(into: Measures, name: str, value: int | None, weight: int) -> None:
    if value is not None:
        into.maps[name][int(buckets_of([value])[0])] += weight


def _failed(span: Span) -> bool:
    return span.status == "error" or span.error_type is not None


def _duration(span: Span) -> int | None:
    return span.end - span.start if span.end >= span.start else None
