"""Prices are those of genai-prices, to the last digit, for any model, usage, moment and tier."""

from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, localcontext
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider, TieredPrices
from hypothesis import example, given, settings
from hypothesis import strategies as st

from price_columns import Call, columns
from spanpulse_stream.price import PriceBook

BOOK = PriceBook.load()
CONTEXT = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
NAMES = {
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
}
COUNTABLE = {
    "input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok", "output_reasoning_mtok",
    "input_audio_mtok", "output_audio_mtok", "cache_audio_read_mtok", "requests_kcount",
}  # fmt: skip


def reference(call: Call) -> int | None:
    """Cost in 1e-12 USD by genai-prices itself; None where it knows none. Raises ValueError on odd usage."""
    with localcontext(prec=80):
        usage = Usage(**{NAMES[key]: count for key, count in call.usage.items()})
        try:
            found = calc_price(
                usage,
                call.model or "",
                provider_id=call.provider,
                genai_request_timestamp=call.at,
                price_context=CONTEXT.get(call.tier or ""),
            )
        except LookupError:
            return None
        prices = {key for key, price in vars(found.model_price).items() if price is not None}
        if prices and not prices & COUNTABLE:
            return None  # billed by what no span carries: unknown, not 0
        return int((found.total_price * 10**12).to_integral_value(ROUND_HALF_EVEN))


def ours(calls: list[Call]) -> list[int | None]:
    cost = BOOK.price(columns(calls)).cost
    return [value if valid else None for value, valid in zip(cost.values.tolist(), cost.valid.tolist(), strict=True)]


def spellings(clause: Any) -> list[str]:
    """Return names that a clause of genai-prices may match."""
    parts = vars(clause)
    if "or_" in parts or "and_" in parts:
        return [each for inner in next(iter(parts.values())) for each in spellings(inner)]
    return [value for key, value in parts.items() if key != "regex"]


def name_of(provider: Provider, model: Any) -> str | None:
    """Return a name by which genai-prices finds just this model."""
    return next((name for name in (model.id, *spellings(model.match)) if provider.find_model(name) is model), None)


NAMED = [
    (provider, model, name)
    for provider in get_snapshot().providers
    for model in provider.models
    if (name := name_of(provider, model)) is not None
]


def test_nearly_every_model_can_be_named() -> None:
    assert len(NAMED) > 0.98 * sum(len(provider.models) for provider in get_snapshot().providers)


def prices_of(model: Any) -> list[Any]:
    standard = [each.prices for each in model.prices] if isinstance(model.prices, list) else [model.prices]
    return [*standard, *(variant.prices for variant in model.price_variants or ())]


def moments_of(model: Any) -> list[datetime]:
    """Every boundary of a model's prices, with the microsecond before it."""
    edges = [datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)]
    conditions = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    for constraint in (each.constraint for each in conditions):
        if constraint is None:
            continue
        if hasattr(constraint, "start_date"):
            edges.append(datetime.combine(constraint.start_date, time(0, tzinfo=UTC)))
        else:
            day = datetime(2026, 11, 20, tzinfo=UTC).date()
            edges += [datetime.combine(day, each) for each in (constraint.start_time, constraint.end_time)]
    return [moment for edge in edges for moment in (edge - timedelta(microseconds=1), edge)]


def sizes_of(model: Any) -> list[int]:
    tiers = [p for prices in prices_of(model) for p in vars(prices).values() if isinstance(p, TieredPrices)]
    starts = {tier.start for price in tiers for tier in price.tiers}
    return sorted({1005, *(start + step for start in starts for step in (0, 1))})


def usage_of_size(size: int) -> dict[str, int]:
    return {
        "input_tokens": size, "output_tokens": 517, "cache_read_tokens": 300, "cache_write_tokens": 200,
        "cache_write_1h_tokens": 70, "reasoning_tokens": 11,
    }  # fmt: skip


def calls_of(provider: Provider, model: Any, name: str) -> list[Call]:
    return [
        Call(provider.id, name, at=moment, tier=tier, usage=usage_of_size(size))
        for moment in dict.fromkeys(moments_of(model))
        for tier in (None, "batch", "flex", "priority")
        for size in sizes_of(model)
    ]


@pytest.mark.parametrize("provider", get_snapshot().providers, ids=lambda provider: provider.id)
def test_every_model_at_every_boundary(provider: Provider) -> None:
    calls = [call for owner, model, name in NAMED if owner is provider for call in calls_of(provider, model, name)]
    assert calls
    wrong = [
        (call, ours_, theirs)
        for call, ours_ in zip(calls, ours(calls), strict=True)
        if ours_ != (theirs := reference(call))
    ]
    assert not wrong[:3]


counts = st.integers(0, 10**7) | st.integers(0, 50)


@st.composite
def consistent_usage(draw: st.DrawFn) -> dict[str, int]:
    read, hour, short, audio, rest = (draw(counts) for _ in range(5))
    if read:
        audio = 0  # how much of the audio was cached is not in the usage: genai-prices refuses
    usage = {
        "input_tokens": read + hour + short + audio + rest,
        "cache_read_tokens": read,
        "cache_write_tokens": hour + short,
        "cache_write_1h_tokens": hour,
        "input_audio_tokens": audio,
    }
    reasoning, spoken = draw(counts), draw(counts)
    usage |= {
        "output_tokens": reasoning + spoken + draw(counts),
        "reasoning_tokens": reasoning,
        "output_audio_tokens": spoken,
    }
    keep = draw(st.sets(st.sampled_from(["reasoning_tokens", "output_audio_tokens", "input_audio_tokens"])))
    return {
        key: count for key, count in usage.items() if key in keep or ("audio" not in key and key != "reasoning_tokens")
    }


calls = st.builds(
    lambda name, usage, at, tier: Call(name[0], name[1], at=at.replace(tzinfo=UTC), tier=tier, usage=usage),
    st.sampled_from([(provider.id, name) for provider, _, name in NAMED]),
    consistent_usage(),
    st.datetimes(datetime(2022, 1, 1), datetime(2027, 6, 1)),  # noqa: DTZ001 - Hypothesis wants naive bounds
    st.sampled_from([None, "batch", "flex", "priority"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(calls, min_size=1, max_size=20))
def test_any_batch_equals_genai_prices(batch: list[Call]) -> None:
    assert ours(batch) == [reference(call) for call in batch]


any_usage = st.dictionaries(st.sampled_from(sorted(NAMES)), st.integers(0, 2**63 - 1) | st.integers(0, 3000))


@settings(max_examples=300, deadline=None)
@given(calls, any_usage)
@example(Call("anthropic", "claude-sonnet-4-5"), {"cache_write_1h_tokens": 5})
@example(Call("openai", "gpt-4o-realtime-preview"), {"cache_read_tokens": 900, "input_audio_tokens": 800})
def test_odd_usage_has_an_answer(call: Call, usage: dict[str, int]) -> None:
    """Where genai-prices answers, so do we; where it raises, we answer and say that it is an estimate."""
    call.usage = usage
    (got,) = ours([call])
    confidence = BOOK.price(columns([call])).confidence.tolist()[0]
    if not usage:
        assert (got, confidence) == (None, "missing")
        return
    try:
        expected = reference(call)
    except ValueError:
        assert confidence == "estimated" if got is not None else confidence == "unpriced"
        return
    if expected is not None and expected >= 2**63:
        expected = None
    assert got == expected
    if got is None:
        assert confidence == "unpriced"


def is_linear(model: Any) -> bool:
    tiered = any(isinstance(price, TieredPrices) for prices in prices_of(model) for price in vars(prices).values())
    return not tiered and not any(vars(prices).get("requests_kcount") for prices in prices_of(model))


LINEAR = {(provider.id, name) for provider, model, name in NAMED if is_linear(model)}


@settings(max_examples=150, deadline=None)
@given(calls.filter(lambda call: (call.provider, call.model) in LINEAR), st.integers(1, 9))
def test_cost_is_linear_within_a_tier(call: Call, times: int) -> None:
    many = Call(call.provider, call.model, at=call.at, tier=call.tier)
    many.usage = {key: count * times for key, count in call.usage.items()}
    one, all_ = ours([call, many])
    assert (one is None) == (all_ is None)
    if one is not None and all_ is not None:
        assert abs(all_ - times * one) <= times  # each is rounded once


@settings(max_examples=100, deadline=None)
@given(calls, st.integers(1, 10**6))
def test_more_output_never_costs_less(call: Call, more: int) -> None:
    bigger = Call(call.provider, call.model, at=call.at, tier=call.tier, usage=dict(call.usage))
    bigger.usage["output_tokens"] = bigger.usage.get("output_tokens", 0) + more
    small, large = ours([call, bigger])
    assert (small is None) == (large is None)
    assert small is None or large is None or small <= large
