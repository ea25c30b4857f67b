"""The price list of a release as text: it prices as the installed one, and what is no list is refused."""

import json
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from price_columns import Call, columns
from spanpulse_stream.price import PriceBook, UnknownPriceVersion, keep_list, keep_overrides
from spanpulse_stream.price._lists import BadPriceList, installed_release, list_text, providers_of

TEXT = list_text()
OTHER = "98.7"
KEPT = ("id", "match", "prices", "price_variants")
NAMED = ("id", "name", "api_pattern", "model_match", "provider_match", "fallback_model_providers")
CALLS = columns([Call("openai", "gpt-5", usage={"input_tokens": 1_000_000, "output_tokens": 0})])


def other_list() -> str:
    """Return the list with gpt-5 at another price."""
    providers = json.loads(TEXT)
    for provider in providers:
        for model in provider["models"]:
            if provider["id"] == "openai" and model["id"] == "gpt-5":
                model["prices"]["input_mtok"] = {"is": "Decimal", "text": "7"}
    return json.dumps(providers)


def cost(book: PriceBook) -> int:
    (found,) = book.price(CALLS).cost.values.tolist()
    return int(found)


def test_every_model_comes_back_as_it_was() -> None:
    installed, read = get_snapshot().providers, providers_of(TEXT)
    assert len(installed) == len(read)
    for here, there in zip(installed, read, strict=True):
        assert [getattr(here, name) for name in NAMED] == [getattr(there, name) for name in NAMED]
        assert len(here.models) == len(there.models)
        for model, again in zip(here.models, there.models, strict=True):
            assert [getattr(model, name) for name in KEPT] == [getattr(again, name) for name in KEPT]


def test_a_list_of_another_release_is_read_from_the_archive(tmp_path: Path) -> None:
    with pytest.raises(UnknownPriceVersion, match="installed is"):
        PriceBook.for_version(f"genai-prices-{OTHER}", archive=tmp_path)
    keep_list(tmp_path, OTHER, other_list())
    book = PriceBook.for_version(f"genai-prices-{OTHER}", archive=tmp_path)
    assert book.version == f"genai-prices-{OTHER}"
    assert cost(book) - cost(PriceBook.load()) == (7_000_000 - 1_250_000) * 10**6


def test_an_operators_text_goes_with_the_list_of_any_release(tmp_path: Path) -> None:
    text = "prices:\n- {model: gpt-5, input: 1}\n"
    keep_overrides(text, tmp_path)
    keep_list(tmp_path, OTHER, other_list())
    digest = PriceBook.of_text(text).version.partition("+")[2]
    book = PriceBook.for_version(f"genai-prices-{OTHER}+{digest}", archive=tmp_path)
    assert cost(book) == 10**12
    with pytest.raises(UnknownPriceVersion):
        PriceBook.for_version(f"genai-prices-{OTHER}+{'0' * 12}", archive=tmp_path)


def test_the_installed_list_is_kept_once_and_never_replaced(tmp_path: Path) -> None:
    assert keep_list(tmp_path) == TEXT
    assert keep_list(tmp_path, installed_release(), "[]") == TEXT
    keep_list(tmp_path, OTHER, "[]")
    with pytest.raises(UnknownPriceVersion, match="no list of providers"):
        PriceBook.for_version(f"genai-prices-{OTHER}", archive=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "[]", "{}", "1", '["x"]', '[{"is": "PriceCalculation"}]', '[{"is": "Provider", "more": 1}]'),
        *('[{"is": "Decimal", "text": "ten"}]', '[{"is": "date"}]', '[{"is": []}]', '[{"is": "dict", "items": [1]}]'),
        "[" * 100_000,
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(BadPriceList):
        providers_of(text)


NAMES = st.sampled_from(["is", "id", "name", "text", "items", "prices", "Provider", "Decimal", "dict", "ClauseRegex"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | NAMES
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4))


@given(JSON)
def test_anything_else_is_refused_with_one_error(value: object) -> None:
    try:
        providers_of(json.dumps(value))
    except BadPriceList:
        return
    raise AssertionError(value)  # no list of providers is made of these names
