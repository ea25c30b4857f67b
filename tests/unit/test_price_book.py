"""What a span costs: golden values, names of providers and models, odd usage, versions, bounds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from genai_prices.data_snapshot import get_snapshot

from price_columns import Call, columns
from spanpulse_stream.price import PriceBook, UnknownPriceVersion, _tables
from spanpulse_stream.price._match import PATH, Catalogue
from spanpulse_stream.price._tables import MOST_NAMES

BOOK = PriceBook.load()


def usage(input_tokens: int, output_tokens: int, **parts: int) -> dict[str, int]:
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        **{f"{part}_tokens": count for part, count in parts.items()},
    }


def price(*calls: Call) -> list[tuple[int | None, str | None]]:
    priced = BOOK.price(columns(list(calls)))
    costs = [
        cost if valid else None
        for cost, valid in zip(priced.cost.values.tolist(), priced.cost.valid.tolist(), strict=True)
    ]
    return list(zip(costs, priced.confidence.tolist(), strict=True))


@pytest.mark.parametrize(
    ("call", "cost"),
    [
        (Call("anthropic", "claude-sonnet-4-5", usage=usage(1005, 50, cache_read=900, cache_write=100)), 1_410_000_000),
        (Call("openai", "gpt-5", usage=usage(1000, 200, cache_read=800)), 2_350_000_000),
        (Call("openai", "gpt-5", tier="flex", usage=usage(1000, 200, cache_read=800)), 1_175_000_000),
        (Call("openai", "gpt-5", tier="priority", usage=usage(1000, 200, cache_read=800)), 4_700_000_000),
        (Call("gcp.gemini", "gemini-2.5-pro", usage=usage(250_000, 10)), 625_150_000_000),
    ],
)
def test_golden_values(call: Call, cost: int) -> None:
    assert price(call) == [(cost, "computed")]


def test_deepseek_is_cheaper_at_night() -> None:
    night, day = (datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (20, 10))
    calls = [Call("deepseek", "deepseek-chat", at=at, usage=usage(1000, 1000)) for at in (night, day)]
    (night_cost, _), (day_cost, _) = price(*calls)
    assert night_cost is not None
    assert day_cost is not None
    assert night_cost < day_cost


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("azure.ai.openai", "gpt-4o"),
        ("azure.ai.inference", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929"),
        ("gcp.gen_ai", "gemini-2.5-flash"),
        ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("mistral_ai", "mistral-large-latest"),
        ("cohere", "command-r"),
        ("groq", "llama-3.1-8b-instant"),
        ("x_ai", "grok-4"),
        ("perplexity", "sonar"),
        ("openai", "text-embedding-3-small"),
        ("a-gateway-nobody-knows", "claude-sonnet-4-5"),
        (None, "gpt-5"),
        ("litellm", "anthropic/claude-sonnet-4-5"),
        ("OpenAI ", "GPT-5"),
    ],
)
def test_names_are_recognised(provider: str | None, model: str) -> None:
    ((cost, confidence),) = price(Call(provider, model, usage=usage(1000, 0)))
    assert confidence == "computed"
    assert cost


def test_catalogue_finds_what_genai_prices_finds() -> None:
    providers = get_snapshot().providers
    catalogue = Catalogue(providers)
    ids = [provider.id for provider in providers]
    refs = [model.id for provider in providers for model in provider.models][::7]
    refs += ["gpt-5.2-20251211", "x/y", "o1x"]
    for index, ref in enumerate(refs):
        provider_id = ids[index % len(ids)] if index % 3 else None
        try:
            _, expected = get_snapshot().find_provider_model(ref, None, provider_id, None)
        except LookupError:
            if PATH.match(ref):
                continue  # tried again without the path, see below
            expected = None
        found = catalogue.find(provider_id, ref)
        assert (found.model if found else None) is expected


PATHS = [
    "models/", "publishers/google/models/", "projects/p-1/locations/global/publishers/google/models/", "gemini/",
    "vertex_ai/", "azure/", "openai/", "anthropic/", "bedrock/", "accounts/acme/models/", "vertex_ai/models/",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_before_a_name_changes_nothing_but_a_miss(path: str) -> None:
    """What genai-prices finds with the path stays; what it does not find is what the bare name finds."""
    providers = get_snapshot().providers
    catalogue = Catalogue(providers)
    for provider in providers:
        for model in provider.models[::9]:
            try:
                _, expected = get_snapshot().find_provider_model(path + model.id, None, provider.id, None)
            except LookupError:
                bare = catalogue.find(provider.id, model.id)
                expected = bare.model if bare else None
            found = catalogue.find(provider.id, path + model.id)
            assert (found.model if found else None) is expected, (provider.id, model.id)


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("gcp.gemini", "models/gemini-2.5-pro", "google"),
        (None, "gemini/gemini-2.5-pro", "google"),
        ("litellm", "vertex_ai/gemini-2.5-pro", "google"),
        ("a-gateway-nobody-knows", "azure/gpt-4o", "azure"),
        ("azure", "azure/openai/gpt-4o", "azure"),
        (None, "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", "aws"),
        ("openai", "anthropic/claude-sonnet-4-5", None),
        ("openai", "models/", None),
        ("openai", "models/" * 70 + "gpt-5", None),
        ("openai", "my-own/gpt-5-path", None),
    ],
)
def test_a_path_names_the_provider_only_where_the_span_does_not(
    provider: str | None, model: str, expected: str | None
) -> None:
    found = Catalogue(get_snapshot().providers).find(provider, model)
    assert (found.provider if found else None) == expected


def test_response_model_goes_first_and_request_model_helps_out() -> None:
    answered = Call("openai", "gpt-4o-mini", "gpt-5", usage=usage(10**6, 0))
    alias = Call("openai", "my-deployment-7", "gpt-5", usage=usage(10**6, 0))
    assert price(answered, alias) == [(150_000_000_000, "computed"), (1_250_000_000_000, "computed")]


def test_unknown_is_never_zero() -> None:
    calls = [
        Call("openai", "gpt-99-secret", usage=usage(5, 5)),
        Call("openai", "gpt-99-secret", usage=usage(6, 5)),
        Call(None, None, usage=usage(5, 5)),
        Call("openai", "whisper-1", usage=usage(5, 5)),
        Call("openai", "m" * 100_000, usage=usage(5, 5)),
    ]
    assert price(*calls) == [(None, "unpriced")] * 5
    listed = BOOK.price(columns(calls)).unpriced
    assert [(provider, model[:20], times) for provider, model, times in listed] == [
        ("", "", 1),
        ("openai", "gpt-99-secret", 2),
        ("openai", "m" * 20, 1),
        ("openai", "whisper-1", 1),
    ]


def test_a_free_model_costs_nothing() -> None:
    assert price(Call("openrouter", "deepseek/deepseek-r1:free", usage=usage(5, 5))) == [(0, "computed")]


def test_missing_usage_is_missing() -> None:
    calls = [
        Call(status="missing"),
        Call(status="reported"),
        Call(status="invalid", usage=usage(5, 5)),
        Call(status="reported", usage=usage(-5, 5)),
        Call(status="missing", model="nobody-knows"),
    ]
    assert price(*calls) == [(None, "missing")] * 5
    assert BOOK.price(columns(calls)).unpriced == []


def test_no_model_call_has_neither_cost_nor_confidence() -> None:
    assert price(Call(status=None, usage=usage(5, 5))) == [(None, None)]
    assert price() == []


def test_estimated_usage_gives_an_estimated_cost() -> None:
    assert price(Call(status="estimated", usage=usage(10**6, 0))) == [(1_250_000_000_000, "estimated")]


def test_exclusive_counts_cost_what_the_convention_would() -> None:
    inclusive = Call("anthropic", "claude-sonnet-4-5", usage=usage(3298, 10, cache_read=2048, cache_write=1200))
    exclusive = Call("anthropic", "claude-sonnet-4-5", usage=usage(50, 10, cache_read=2048, cache_write=1200))
    (right, sure), (same, guessed) = price(inclusive, exclusive)
    assert right == same
    assert (sure, guessed) == ("computed", "estimated")


def test_exclusive_counts_reach_the_tier_of_their_sum() -> None:
    inclusive = Call("gcp.gemini", "gemini-2.5-pro", usage=usage(250_000, 10, cache_read=200_000))
    exclusive = Call("gcp.gemini", "gemini-2.5-pro", usage=usage(50_000, 10, cache_read=200_000))
    assert price(inclusive)[0][0] == price(exclusive)[0][0]


def test_a_cost_beyond_int64_is_unpriced_and_named() -> None:
    priced = BOOK.price(columns([Call(usage=usage(1, 1)), Call("openai", "gpt-5", usage=usage(2**62, 2**62))]))
    assert priced.cost.valid.tolist() == [True, False]
    assert priced.confidence.tolist() == ["computed", "unpriced"]
    assert priced.overflow.tolist() == [1]
    assert priced.unpriced == []


def test_the_largest_cost_that_fits_is_exact() -> None:
    tokens = (2**63 - 1) // 1_250_000
    assert price(Call(usage=usage(tokens, 0)), Call(usage=usage(tokens + 1, 0))) == [
        (tokens * 1_250_000, "computed"),
        (None, "unpriced"),
    ]


def test_times_far_away_are_priced() -> None:
    calls = [
        Call("deepseek", "deepseek-chat", at=datetime(year, 1, 1, tzinfo=UTC), usage=usage(1000, 1000))
        for year in (1970, 2261)
    ]
    assert all(cost for cost, _ in price(*calls))


def test_names_are_forgotten_beyond_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tables, "MOST_NAMES", 50)
    book = PriceBook.load()
    for start in range(0, 500, 100):
        book.price(columns([Call("openai", f"made-up-{start + n}", usage=usage(1, 1)) for n in range(100)]))
    assert len(book._tables._names) == 50
    assert len(book._tables._vectors) == 0
    assert MOST_NAMES > 5_000


def test_service_tiers_of_any_name_do_not_grow_the_tables() -> None:
    book = PriceBook.load()
    calls = [Call("openai", "gpt-5", tier=f"tier-{n}", usage=usage(10**6, 0)) for n in range(200)]
    assert set(book.price(columns(calls)).cost.values.tolist()) == {1_250_000_000_000}
    assert len(book._tables._schedules) == 1


def test_threads_share_a_book() -> None:
    book = PriceBook.load()
    ids = [model.id for model in Catalogue(get_snapshot().providers)._by_id["openai"].models]
    batches = [columns([Call("openai", name, usage=usage(1000, n)) for name in ids]) for n in range(16)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(book.price, batches))
    for batch, result in zip(batches, results, strict=True):
        assert result.cost.values.tolist() == BOOK.price(batch).cost.values.tolist()


def test_only_counted_requests_are_listed_as_unpriced() -> None:
    batch = columns([Call("openai", "gpt-99", usage=usage(1, 1))] * 3)
    batch.counted = batch.usage_status.codes < 0
    batch.counted[1] = True
    assert BOOK.price(batch).unpriced == [("openai", "gpt-99", 1)]


def test_versions() -> None:
    assert BOOK.version == "genai-prices-0.2.3"
    assert PriceBook.for_version(BOOK.version).version == BOOK.version
    for unknown in ("genai-prices-0.0.1", "genai-prices-0.2.3+0123456789ab", "../etc/passwd", ""):
        with pytest.raises(UnknownPriceVersion):
            PriceBook.for_version(unknown)
