"""Calls as a provider answered them, held against what a running `spanpulse up` counts of a service.

A call is a dict: kind, failed, response_id, tokens (None: the provider told none; details 0) and cost (USD, worked out
by genai-prices alone, rounded half-even to 1e-12; None without tokens).
"""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from genai_prices import Usage, calc_price

from providers.said import Failure, Said
from running import Running

__all__ = ["DETAILS", "Call", "counted", "hold", "made", "sums"]

Call = dict[str, Any]

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
DETAILS = TOKENS[2:]
UNIT = Decimal("1e-12")


def made(turn: Said | Failure, provider: str, kind: str = "llm", **otherwise: int) -> Call:
    """Return the call that an answer amounts to; ``otherwise`` are tokens that those who told it told otherwise."""
    if isinstance(turn, Failure):
        return {"kind": kind, "failed": True, "response_id": None, **dict.fromkeys(TOKENS, None), "cost": None}
    tokens: dict[str, int | None] = {
        "input_tokens": turn.input,
        "output_tokens": turn.output,
        "cache_read_tokens": turn.cache_read,
        "cache_write_tokens": turn.cache_write,
        "reasoning_tokens": turn.reasoning,
        **otherwise,
    }
    response_id: str | None = turn.id
    if not turn.usage:
        untold = dict.fromkeys((*TOKENS, "cost"), None)
        return {"kind": kind, "failed": False, "response_id": response_id, **untold}
    if kind == "embedding":
        response_id, tokens = None, {**dict.fromkeys(DETAILS, 0), "input_tokens": turn.input, "output_tokens": None}
    call = {"kind": kind, "failed": False, "response_id": response_id, **tokens}
    return {**call, "cost": _cost(tokens, turn.model, provider)}


def counted(running: Running, service: str) -> list[Call]:
    """Return the calls of a service that count."""
    columns = ", ".join(f"toInt64(ifNull({name}, 0)) AS {name}" for name in DETAILS)
    rows = running.sql(
        f"SELECT kind, status = 'error' AS failed, response_id, input_tokens, output_tokens, {columns},"
        f" toString(cost) AS cost, usage_status FROM spans"
        f" WHERE service_name = '{service}' AND counted AND kind IN ('llm', 'embedding')"
    )
    return [_read(row) for row in rows]


def sums(calls: list[Call]) -> Call:
    """Return what the rollup of some calls must hold."""
    told = [call for call in calls if call["input_tokens"] is not None]
    found: Call = {name: sum(call[name] or 0 for call in told) for name in TOKENS}
    found |= {"requests": len(calls), "errors": sum(call["failed"] for call in calls)}
    return found | {"cost": sum((call["cost"] for call in told if call["cost"] is not None), Decimal(0))}


def hold(running: Running, service: str, calls: list[Call]) -> None:
    """Hold calls against the spans that count and the rollup. Raises AssertionError."""
    found = counted(running, service)
    unlike = [call for call in found if call not in calls], [call for call in calls if call not in found]
    assert (len(found), unlike) == (len(calls), ([], [])), service
    columns = ", ".join(f"toInt64(sum({name})) AS {name}" for name in ("requests", "errors", *TOKENS))
    (rollup,) = running.sql(
        f"SELECT {columns}, toString(sum(r.cost)) AS cost FROM rollup_minute AS r WHERE service_name = '{service}'"
    )
    whole = {name: Decimal(rollup[name]) if name == "cost" else int(rollup[name]) for name in rollup}
    assert whole == sums(calls), service


def _read(row: Call) -> Call:
    call = {name: row[name] for name in ("kind", "response_id")} | {"failed": bool(row["failed"])}
    reports = row["usage_status"] == "reported"
    call |= {name: int(row[name]) if reports and row[name] is not None else None for name in TOKENS}
    return call | {"cost": None if row["cost"] is None else Decimal(row["cost"])}


def _cost(tokens: dict[str, int | None], model: str, provider: str) -> Decimal:
    usage = Usage(**{name: count or 0 for name, count in tokens.items() if name != "reasoning_tokens"})
    with localcontext(prec=60):
        price = calc_price(usage, model, provider_id=provider, genai_request_timestamp=datetime.now(UTC))
        return Decimal(price.total_price).quantize(UNIT, ROUND_HALF_EVEN)
