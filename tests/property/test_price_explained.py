"""An explained cost is the cost that the columns have, whatever the usage; its parts add up to it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from price_columns import KEYS, Call, columns, nanoseconds
from spanpulse_stream.price import Call as Explained
from spanpulse_stream.price import PriceBook

BOOK = PriceBook.load()
MODELS = [
    ("openai", "gpt-5"),
    ("openai", "gpt-4o-realtime-preview"),
    ("anthropic", "claude-sonnet-4-5"),
    ("gcp.gemini", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
    ("deepseek", "deepseek-chat"),
    ("perplexity", "sonar"),
    ("acme", "house"),
]
COUNTS = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 10**6) | st.integers(0, 2**62), max_size=8)
CALLS = st.builds(
    lambda name, tier, minutes, usage: Call(
        name[0],
        name[1],
        None,
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes),
        tier,
        "reported",
        None,
        usage,
    ),
    st.sampled_from(MODELS),
    st.sampled_from([None, "batch", "flex", "priority"]),
    st.integers(0, 500_000),
    COUNTS,
)


def explained(call: Call) -> Explained:
    counts = tuple(call.usage.get(key) for key in KEYS)
    return Explained((call.provider, call.model, call.request_model, call.tier), nanoseconds(call.at), counts)


@settings(max_examples=300, deadline=None)
@given(CALLS)
def test_what_is_explained_is_what_was_priced(call: Call) -> None:
    priced = BOOK.price(columns([call]))
    found = BOOK.explain(explained(call))
    if not priced.cost.valid[0]:
        # No usage, no price, or more than fits: only the last has an explanation.
        assert found is None or not call.usage or found.cost > Decimal(9_000_000)
        return
    assert found is not None
    assert found.cost == Decimal(int(priced.cost.values[0])).scaleb(-12)
    assert found.repaired == (priced.confidence.tolist() == ["estimated"])
    assert sum((part.cost for part in found.parts), found.rounding) == found.cost
    assert abs(found.rounding) <= Decimal("5e-13")
    for part in found.parts:
        assert part.cost == part.count * part.price / part.per


def test_a_golden_call_is_told_by_kind() -> None:
    call = Call(
        "anthropic",
        "claude-sonnet-4-5",
        usage={"input_tokens": 1005, "output_tokens": 50, "cache_read_tokens": 900, "cache_write_tokens": 100},
    )
    found = BOOK.explain(explained(call))
    assert found is not None
    assert found.cost == Decimal("0.001410")
    assert [(part.unit, part.count, part.price, part.cost) for part in found.parts] == [
        ("input", 5, Decimal(3), Decimal("0.000015")),
        ("output", 50, Decimal(15), Decimal("0.00075")),
        ("cache_read", 900, Decimal("0.3"), Decimal("0.00027")),
        ("cache_write", 100, Decimal("3.75"), Decimal("0.000375")),
    ]


def test_an_unknown_model_has_no_explanation() -> None:
    assert BOOK.explain(Explained(("acme", "house", None, None), 0, (1,) + (None,) * 7)) is None
